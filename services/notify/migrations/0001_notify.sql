-- migrate:up

-- Where this service stands in each partition: the fence (docs/engine-rules.md, step 1). Owned by services/runtime/fence.py.
create table notify.consumer_offset (
    grp text not null,
    topic text not null,
    part integer not null,
    next_offset bigint not null,
    updated_at timestamptz not null default now(),
    primary key (grp, topic, part)
) with (fillfactor = 50);

create table notify.offset_gap (
    id bigint generated always as identity primary key,
    grp text not null,
    topic text not null,
    part integer not null,
    want bigint not null,
    got bigint not null,
    at timestamptz not null default now()
);

-- One row per order, the lock for everything of that order. `book` holds the contacts and is the only place that does.
-- Both documents are text: they are read and written whole, and JSONB refuses what JSON allows (\u0000).
create table notify.customer_order (
    order_key text primary key,
    shop text not null,
    order_number text not null,
    book text not null default '{}',
    version bigint not null default 0,
    status text,
    -- Rises with every change of the row: tells the sender that what it read is not the newest any more.
    revision bigint not null default 0,
    updated_at timestamptz not null default now()
);

-- One row per message and for ever: that it exists is what keeps a customer from being told twice.
create table notify.notification (
    id uuid primary key,
    order_key text not null references notify.customer_order (order_key),
    parcel text not null,
    milestone text not null,
    occasion text not null,
    channel text not null,
    recipient_role text not null,
    version bigint not null,
    reached_at text not null,
    state text not null check (
        state in ('pending', 'waiting', 'attempting', 'accepted', 'suppressed', 'failed', 'unknown')
    ),
    reason text,
    detail text,
    due_at timestamptz not null,
    next_at timestamptz not null,
    attempt integer not null default 0,
    token uuid,
    lease_until timestamptz,
    recipient_hash text,
    provider text,
    provider_ref text,
    created_at timestamptz not null default now(),
    changed_at timestamptz not null default now(),
    -- Drawn when an outcome is there; published once `published_no` has caught up.
    outcome_no bigint,
    published_no bigint,
    unique (order_key, parcel, milestone, occasion, channel, recipient_role),
    check ((state = 'attempting') = (lease_until is not null)),
    check (state not in ('accepted', 'suppressed', 'failed', 'unknown') or outcome_no is not null)
);

create sequence notify.outcome_no owned by notify.notification.outcome_no;

create index notification_due on notify.notification (next_at) where state in ('pending', 'waiting');
create index notification_leased on notify.notification (lease_until) where state = 'attempting';
create index notification_unpublished on notify.notification (outcome_no)
    where outcome_no is not null and published_no is distinct from outcome_no;

-- Records that could not be applied, on their way to dead-letters.v1; deleted once Kafka has them.
create table notify.quarantine (
    id bigint generated always as identity primary key,
    letter_key text not null,
    letter text not null,
    at timestamptz not null default now()
);
