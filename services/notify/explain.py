"""What operators may see of an order's people: roles and masked addresses. Called by `trackfold notify why`."""

from services.notify.addresses import masked
from services.notify.contacts import BOOK
from services.notify.rows import OrderRow


def people(order: OrderRow) -> dict[str, list[str]]:
    """Return the masked addresses of each role."""
    entries = BOOK.validate_json(order.book).entries
    return {
        role: [masked(address) for address in (entry.contact.email, entry.contact.phone) if address]
        for role, entry in entries.items()
    }
