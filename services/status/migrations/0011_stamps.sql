-- migrate:up
-- What a process keeps of the ledger between its batches is judged by stamps on the rows that it locks.

-- Raised by whatever changes or deletes rows of a shipment's ledger; rows that are appended raise `next_n`.
alter table status.shipment add column revision int not null default 0;
-- Raised with every change of an order's own events.
alter table status.orders add column events int not null default 0;

-- Rows are copied in under the shipment's lock, which no reading can come twice behind: the key (shipment, n) is the
-- lock between writers. Not jsonb, because it is read as a whole.
alter table status.ledger
    drop constraint ledger_shipment_event_key_content_key,
    drop constraint ledger_shipment_fkey,
    alter column body type json using body::json;
alter table status.order_event drop constraint order_event_order_key_fkey;
