"""The real parts that tests run on: brokers, databases, our own services as processes."""
