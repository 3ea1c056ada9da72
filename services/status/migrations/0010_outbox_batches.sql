-- migrate:up
-- A row of the outbox is what one batch says to one output partition: record batches in Kafka's own form, compressed,
-- made once by who writes them (docs/decisions/0022-outbox-rows-are-record-batches.md).

-- Rows that are still there, or that an older program writes until it ends, keep their columns and are relayed from
-- them. A program that does not know the new rows finds no headers in them, and sends nothing of such a queue.
alter table status.outbox
    alter column key drop not null,
    alter column headers drop not null,
    alter column timestamp_ms drop not null,
    add column payload bytea,
    add column snapshots bytea,
    add column messages int not null default 1,
    drop constraint outbox_says_something,
    add constraint outbox_says_something check (
        payload is not null
        or (key is not null and headers is not null and timestamp_ms is not null and (value is not null or tombstone)));
comment on column status.outbox.payload is 'record batches for the topic, one behind the other; null: an older row';
comment on column status.outbox.snapshots is 'record batches for the snapshots; null: the last batch of the payload';

-- They are compressed already: the server need not try.
alter table status.outbox
    alter column payload set storage external,
    alter column snapshots set storage external;
