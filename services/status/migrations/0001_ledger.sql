-- migrate:up
-- The ledger and what is folded from it. Status alone owns this schema.

create schema if not exists status;

-- The fence: the next offset to apply, per group, topic and partition (docs/engine-rules.md, step 1).
create table status.consumer_offset (
    grp text not null,
    topic text not null,
    part int not null,
    next_offset bigint not null,
    updated_at timestamptz not null default now(),
    primary key (grp, topic, part)
) with (fillfactor = 50);

-- Records that retention took before they were read: never silent.
create table status.offset_gap (
    grp text not null,
    topic text not null,
    part int not null,
    want bigint not null,
    got bigint not null,
    at timestamptz not null default now()
);

-- One row per shipment key: the lock between all writers of its ledger.
create table status.shipment (
    shipment text primary key,
    next_n bigint not null default 1,
    created_at timestamptz not null default now()
) with (fillfactor = 70);

-- The history: whatever can change a shipment is a row and takes the next n.
create table status.ledger (
    shipment text not null references status.shipment (shipment),
    n bigint not null,
    kind text not null,
    event_key text not null,
    content text not null,
    claimed_by text,
    told_at timestamptz not null,
    occurred_at timestamptz not null,
    body jsonb not null,
    received_at timestamptz not null default now(),
    primary key (shipment, n),
    unique (shipment, event_key, content)
);
comment on column status.ledger.content is 'hash of what a reading says; n for claims, of which the highest n holds';
comment on column status.ledger.claimed_by is 'order key, for kind claim';
create index ledger_claims on status.ledger (claimed_by) where claimed_by is not null;

-- One row per order: the lock between all writers of its state, and its newest message.
create table status.orders (
    order_key text primary key,
    version bigint not null default 0,
    state text,
    doc jsonb,
    message bytea,
    message_headers jsonb,
    message_ms bigint,
    updated_at timestamptz not null default now()
) with (fillfactor = 70);

-- An order's own events, without contacts: those live in notify's schema alone.
create table status.order_event (
    order_key text not null references status.orders (order_key),
    source text not null,
    id text not null,
    content text not null,
    occurred_at timestamptz not null,
    body jsonb not null,
    received_at timestamptz not null default now(),
    primary key (order_key, source, id)
);

-- Messages that are committed and not yet acknowledged by Kafka. The relay alone reads and deletes.
create table status.outbox (
    id bigint generated always as identity (cache 1) primary key,
    topic text not null,
    part int not null,
    key bytea not null,
    value bytea not null,
    headers jsonb not null,
    timestamp_ms bigint not null,
    created_at timestamptz not null default now()
);
create index outbox_queue on status.outbox (topic, part, id);

-- How far each output partition is relayed, and by which process last.
create table status.relay_position (
    topic text not null,
    part int not null,
    next_offset bigint not null,
    owner text not null,
    updated_at timestamptz not null default now(),
    primary key (topic, part)
) with (fillfactor = 50);

-- Snapshots to send once more: after an unknown send or a takeover a late repeat could otherwise stay last (E1).
create table status.snapshot_repeat (
    order_key text primary key,
    due_at timestamptz not null
);
create index snapshot_repeat_due on status.snapshot_repeat (due_at);
