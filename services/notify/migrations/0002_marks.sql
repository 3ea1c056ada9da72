-- migrate:up

-- By which signs the fence knows a log again (rule E7): its cluster and a hash of the last applied record. Rows from before
-- have neither, are accepted as they are, and get both with the next batch.
alter table notify.consumer_offset
    add column cluster text,
    add column last_hash bytea;

-- Who made the database accept another log, and why (`trackfold offsets adopt`). One row per partition; never deleted.
create table notify.offset_adopted (
    id bigint generated always as identity primary key,
    at timestamptz not null default now(),
    author text not null,
    reason text not null,
    grp text not null,
    topic text not null,
    part integer not null,
    old_offset bigint not null,
    old_cluster text,
    new_offset bigint,
    new_cluster text
);
comment on column notify.offset_adopted.new_offset is 'null: Kafka has no such partition, the row was removed';

-- Under which name this database was last compared with the outcomes that were published: as another one (a restore, a
-- promotion) it may have lost rows of messages that were sent, and nothing is sent before it was compared.
create table notify.incarnation (
    only_row boolean primary key default true check (only_row),
    name text not null
);
