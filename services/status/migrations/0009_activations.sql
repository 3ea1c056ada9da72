-- migrate:up
-- Which version of the machine was made the active one, by whom and why: a row for each time.

create table status.machine_activation (
  id bigint generated always as identity primary key,
  version integer not null,
  before integer,
  author text not null,
  reason text not null,
  at timestamptz not null default now()
);
