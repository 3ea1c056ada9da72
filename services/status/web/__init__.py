"""The pages of status: the customer's tracking page and the page of the API, rendered on the server."""
