-- Who may do what in Trackfold's database. Run it as a superuser, connected to that database (how: deploy/README.md):
-- before the first `trackfold migrate up`, and after each one. It can be run again at any time and changes no data.
--
-- trackfold_migrator   owns the schemas: `trackfold migrate up`, and nothing that goes on running
-- trackfold_ingest     `trackfold ingest run`, reads and writes the schema ingest
-- trackfold_status     `trackfold status run`, reads and writes the schema status
-- trackfold_notify     `trackfold notify run`, reads and writes the schema notify: the only one with contacts
-- trackfold_reader     people and reports: reads the schema status, which holds no contacts
--
-- None has a password here: set one, or let them in by certificate.

do $$
declare
    name text;
begin
    foreach name in array array[
        'trackfold_migrator', 'trackfold_ingest', 'trackfold_status', 'trackfold_notify', 'trackfold_reader'
    ] loop
        if not exists (select from pg_roles where rolname = name) then
            execute format('create role %I login noinherit', name);
        end if;
        -- Somebody may have helped himself out of a trouble with a role that may do everything.
        if exists (
            select from pg_roles where rolname = name
            and (rolsuper or rolcreaterole or rolcreatedb or rolreplication or rolbypassrls)
        ) then
            raise exception 'role % has rights over the whole server: take them away first', name;
        end if;
        if exists (select from pg_auth_members where member = name::regrole) then
            raise exception 'role % is a member of another role: take it out first', name;
        end if;
    end loop;

    -- Whoever else can log in to the server has no business here; temporary tables would come before ours in any search.
    execute format('revoke all on database %I from public', current_database());
    execute format('grant create on database %I to trackfold_migrator', current_database());
end
$$;
revoke all on schema public from public;

do $$
declare
    service text;
    role text;
begin
    foreach service in array array['ingest', 'status', 'notify'] loop
        role := 'trackfold_' || service;
        execute format('create schema if not exists %I', service);
        execute format('alter schema %I owner to trackfold_migrator', service);
        execute format('revoke all on schema %I from public', service);
        execute format('grant usage on schema %I to %I', service, role);
        execute format('grant select, insert, update, delete on all tables in schema %I to %I', service, role);
        execute format('grant usage, select, update on all sequences in schema %I to %I', service, role);

        -- And what later migrations make.
        execute format(
            'alter default privileges for role trackfold_migrator in schema %I'
            ' grant select, insert, update, delete on tables to %I', service, role
        );
        execute format(
            'alter default privileges for role trackfold_migrator in schema %I'
            ' grant usage, select, update on sequences to %I', service, role
        );

        -- What is only ever added to stays as it was written; which migrations ran is the migrator's to say.
        if to_regclass(service || '.schema_migrations') is not null then
            execute format('revoke insert, update, delete on %I.schema_migrations from %I', service, role);
            execute format('revoke update, delete on %I.offset_adopted, %I.offset_gap from %I', service, service, role);
        end if;
    end loop;
end
$$;

grant usage on schema status to trackfold_reader;
grant select on all tables in schema status to trackfold_reader;
alter default privileges for role trackfold_migrator in schema status grant select on tables to trackfold_reader;

-- Names without a schema are looked for in the role's own one and nowhere else.
do $$
declare
    role text;
    path text;
begin
    for role, path in values
        ('trackfold_migrator', ''), ('trackfold_ingest', 'ingest'), ('trackfold_status', 'status'),
        ('trackfold_notify', 'notify'), ('trackfold_reader', 'status')
    loop
        execute format('grant connect on database %I to %I', current_database(), role);
        execute format('alter role %I in database %I set search_path = %L', role, current_database(), path);
    end loop;
    -- People ask long questions: they must not hold back the services.
    execute format('alter role trackfold_reader in database %I set default_transaction_read_only = on', current_database());
    execute format('alter role trackfold_reader in database %I set statement_timeout = %L', current_database(), '30s');
end
$$;
