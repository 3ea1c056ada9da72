-- migrate:up
-- An agent has the number that customers know, which is not part of the order's key. On the events, where only the few
-- that tell one are in it: on the document it would make every change of every order write an index.

create index order_event_printed on status.order_event ((body ->> 'printed')) where body ->> 'printed' is not null;
