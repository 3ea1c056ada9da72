-- migrate:up
-- A database that was restored to an older state than what it had published (rule E7).

-- Readers have seen versions of it that this database has lost: `version` was raised to the newest of them, and the
-- next one says that it was restored.
alter table status.orders add column restored boolean not null default false;
create index orders_restored on status.orders (order_key) where restored;

-- How far the lost future had read the inputs; until they are read again so far, such orders publish nothing.
create table status.restoring (
    grp text not null,
    topic text not null,
    part int not null,
    until_offset bigint not null,
    primary key (grp, topic, part)
);

-- Under which name the database was last compared with what it has published: as another one it may have lost commits.
create table status.incarnation (
    only_row boolean primary key default true check (only_row),
    name text not null
);
