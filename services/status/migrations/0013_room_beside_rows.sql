-- migrate:up
-- A batch writes many rows of one page at once; half a page has room for all of them, where they stand: no index is
-- written. Pages that there are already keep what is in them.
alter table status.orders set (fillfactor = 50);
alter table status.shipment set (fillfactor = 50);
