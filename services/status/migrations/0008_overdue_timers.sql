-- migrate:up
-- A timer that is taken again and again, and never moved, is overdue since it was due first (rule E12).

alter table status.timer add column due_since timestamptz;
create index timer_due_since on status.timer (due_since) where due_since is not null;
comment on column status.timer.due_since is 'when it was due, while somebody has it in hand; null otherwise';
