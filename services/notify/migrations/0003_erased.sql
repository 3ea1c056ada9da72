-- migrate:up

-- Orders that were erased before notify forgot people on its own (rule E9). Their status says so and nothing else.
update notify.customer_order set book = '{}', revision = revision + 1 where status like '%"state":"erased"%';
update notify.notification n set recipient_hash = null, detail = null
from notify.customer_order o where o.order_key = n.order_key and o.status like '%"state":"erased"%';
