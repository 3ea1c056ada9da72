-- migrate:up
-- Time as events (rule E15) and versions of the machine (rule E6).

-- When an open order must be looked at again. A change moves a row to an earlier date only; a row that turns out to be
-- early costs one look.
create table status.timer (
    key text primary key,
    due_at timestamptz not null
) with (fillfactor = 70);
create index timer_due on status.timer (due_at);
comment on column status.timer.key is 'order key';

-- The version of the machine that folds here: one row. A fresh database takes the version of the first process.
create table status.machine_version (
    only_row boolean primary key default true check (only_row),
    version int not null check (version > 0),
    activated_at timestamptz not null default now()
);
-- Orders that are here before this table were folded by the first version.
insert into status.machine_version (version) select 1 where exists (select from status.orders);
-- Which version folded an order last.
alter table status.orders add column machine int not null default 1;
