-- migrate:up
-- What an order shows is kept once: its newest message, compressed by who writes it
-- (docs/decisions/0024-one-compressed-copy-of-what-an-order-shows.md). Rows of before are read as they are.

comment on column status.orders.message is 'the newest message, packed; its first byte says how, { that it is plain';
comment on column status.orders.message_headers is
    'of its headers those that do not follow from the version; all of them in rows of before';
comment on column status.orders.doc is 'the document, where the message is not all of it; null: it is in the message';

-- Little is left to compress, and in most rows nothing to store apart.
alter table status.orders alter column message set storage external;
