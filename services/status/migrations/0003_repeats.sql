-- migrate:up
-- How often the same reading, or the same order event, was told again: a fact of the path that `explain` shows beside
-- the state (docs/explain.md).

alter table status.ledger add column repeats int not null default 0;
alter table status.order_event add column repeats int not null default 0;

-- An agent has the number and not always its carrier.
create index shipment_number on status.shipment (split_part(shipment, ':', 2));
