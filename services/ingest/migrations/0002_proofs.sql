-- migrate:up

-- Which shipment has which proof of delivery. The bytes lie in the store of proofs under their hash; a scan refers to them
-- by the same hash. Two shipments may have one proof: its object goes when the last row that names it has gone.
create table ingest.proof (
    sha256 text not null check (sha256 ~ '^[0-9a-f]{64}$'),
    shipment text not null,
    kind text not null,
    media_type text not null,
    bytes integer not null,
    -- When ingest was last told of it for this shipment: retention counts from here.
    kept_at timestamptz not null,
    primary key (sha256, shipment)
);

create index proof_of_shipment on ingest.proof (shipment, sha256);
create index proof_by_age on ingest.proof (kept_at);
