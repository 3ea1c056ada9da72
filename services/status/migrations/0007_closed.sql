-- migrate:up
-- Purge (rule E8) and erasure (rule E9): what is forgotten leaves its row as a mark.

-- An order whose data are gone; `version` goes on, its snapshot is a tombstone. Null again where a purged one was opened
-- anew by a later event. Orders that were erased before this column was there are closed by the purge loop.
alter table status.orders
    add column closed text check (closed in ('purged', 'erased')),
    add column closed_through timestamptz,
    add column closed_at timestamptz;
comment on column status.orders.closed_through is 'events of a purged order that happened until then are over';

-- A parcel whose history is gone; `next_n` goes on. What happened until `closed_through` is over: providers resend it.
alter table status.shipment
    add column closed_through timestamptz,
    add column closed_at timestamptz;
comment on column status.shipment.closed_at is 'when the history was deleted: from then on the mark is kept for a while';

-- Where marks that are old enough are found. Nothing that a batch changes is in them.
create index orders_purged on status.orders (closed_at) where closed = 'purged';
create index shipment_closed on status.shipment (closed_at) where closed_at is not null;

-- Rows that only say that an order's snapshot is a tombstone from now on have no value of their own.
alter table status.outbox
    alter column value drop not null,
    add column tombstone boolean not null default false,
    add constraint outbox_says_something check (value is not null or tombstone);
