-- migrate:up
-- The poller: which parcels are open, who is asked about them, when, and what providers were heard to say. Ingest alone
-- owns this schema, and only a poller needs it: taking webhooks in needs no database.

-- Where the watching consumer stands in each partition: the fence (docs/engine-rules.md, step 1).
create table ingest.consumer_offset (
    grp text not null,
    topic text not null,
    part int not null,
    next_offset bigint not null,
    updated_at timestamptz not null default now(),
    primary key (grp, topic, part)
) with (fillfactor = 50);

-- Records that retention took before they were read: never silent.
create table ingest.offset_gap (
    grp text not null,
    topic text not null,
    part int not null,
    want bigint not null,
    got bigint not null,
    at timestamptz not null default now()
);

-- The open parcels of each order, as its newest snapshot has them.
create table ingest.wanted (
    order_key text not null,
    shipment text not null,
    stage text not null,
    primary key (order_key, shipment)
);
create index wanted_shipment on ingest.wanted (shipment);

-- One row per parcel that some order waits for, or waited for a short while ago.
create table ingest.watch (
    shipment text primary key,
    carrier text not null,
    number text not null,
    provider text,
    registration text not null,
    why text,
    reference text,
    stage text not null,
    opened_at timestamptz not null,
    closed_at timestamptz,
    registered_at timestamptz,
    refused_at timestamptz,
    told_at timestamptz,
    event_at timestamptz,
    asked_at timestamptz,
    hinted_at timestamptz,
    retry_at timestamptz,
    attempts int not null default 0,
    missed int not null default 0,
    seen bigint[] not null default '{}',
    duty text,
    due_at timestamptz,
    leased_until timestamptz,
    lease bigint not null default 0,
    check ((duty is null) = (due_at is null))
) with (fillfactor = 70);
create index watch_due on ingest.watch (provider, due_at) where due_at is not null;
create index watch_closed on ingest.watch (closed_at) where closed_at is not null;
create index watch_number on ingest.watch (number);
comment on column ingest.watch.shipment is 'shipment key `carrier:number`';
comment on column ingest.watch.provider is 'who is asked and registered with; null: nobody serves this carrier';
comment on column ingest.watch.registration is 'none, waiting, registered, refused, not_needed, pull or ended';
comment on column ingest.watch.why is 'why the provider refused, or why it could not be asked the last time';
comment on column ingest.watch.reference is 'the provider''s own id of the registration';
comment on column ingest.watch.closed_at is 'since when no order waits for it; null: one does';
comment on column ingest.watch.told_at is 'when its provider last told something new';
comment on column ingest.watch.event_at is 'when the newest thing told happened';
comment on column ingest.watch.asked_at is 'when it was last read from the API';
comment on column ingest.watch.hinted_at is 'when a webhook that nobody signed last spoke of it';
comment on column ingest.watch.seen is 'hashes of the newest event keys that were told: what else a read brings was missed';
comment on column ingest.watch.lease is 'raised with every claim: whoever comes back with an older one is too late';

-- One row per provider that is asked: the turnstile that all processes pass by. Nothing else writes it, or they would
-- wait for one another.
create table ingest.provider (
    provider text primary key,
    next_at timestamptz not null default now(),
    paused_until timestamptz not null default now(),
    paused_why text,
    failures int not null default 0
) with (fillfactor = 50);
comment on column ingest.provider.next_at is 'no request before this: the rate limit';
comment on column ingest.provider.failures is 'requests in a row that failed as a whole';

-- One row per provider that was heard, by webhook.
create table ingest.hearing (
    provider text primary key,
    told_at timestamptz,
    event_at timestamptz,
    missed bigint not null default 0
) with (fillfactor = 50);
comment on column ingest.hearing.missed is 'scans that a read brought and no webhook had told';

-- What each provider told by webhook, hour by hour, for five weeks.
create table ingest.heard (
    provider text not null,
    hour timestamptz not null,
    events bigint not null default 0,
    missed bigint not null default 0,
    delays bigint[] not null,
    primary key (provider, hour)
) with (fillfactor = 50);
comment on column ingest.heard.events is 'webhooks that told something new of a parcel';
comment on column ingest.heard.delays is 'how many of them came how long after the scan: services/ingest/poller/freshness.py';
