-- What is kept. The engines are plain or, on a cluster, replicated.
-- How long rows live is set from the configuration (migrate.rs).
-- A repeat has the same key and lies in the same day, so that it vanishes in merges and under FINAL.
CREATE TABLE IF NOT EXISTS events {on_cluster}
(
    account       String                  CODEC(ZSTD(1)),
    at            DateTime64(3, 'UTC')    CODEC(Delta, ZSTD(1)),
    partition     UInt32                  CODEC(ZSTD(1)),
    offset        UInt64                  CODEC(Delta, ZSTD(1)),
    id            String                  CODEC(ZSTD(1)),
    ts            DateTime64(3, 'UTC')    CODEC(Delta, ZSTD(1)),
    kind          LowCardinality(String)  CODEC(ZSTD(1)),
    age_h         Nullable(Float32)       CODEC(Gorilla, ZSTD(1)),
    idle_h        Nullable(Float32)       CODEC(Gorilla, ZSTD(1)),
    peer          String                  CODEC(ZSTD(1)),
    chat          LowCardinality(String)  CODEC(ZSTD(1)),
    `group`       String                  CODEC(ZSTD(1)),
    group_size    Nullable(UInt32)        CODEC(ZSTD(1)),
    first_contact Nullable(Bool)          CODEC(ZSTD(1)),
    in_contacts   Nullable(Bool)          CODEC(ZSTD(1)),
    forwarded     Nullable(Bool)          CODEC(ZSTD(1)),
    typed         Nullable(Bool)          CODEC(ZSTD(1)),
    size          Nullable(UInt32)        CODEC(ZSTD(1)),
    contact       LowCardinality(String)  CODEC(ZSTD(1)),
    peer_age_h    Nullable(Float32)       CODEC(ZSTD(1)),
    peer_device   String                  CODEC(ZSTD(1)),
    peer_prefix   String                  CODEC(ZSTD(1)),
    peer_range    String                  CODEC(ZSTD(1)),
    reason        LowCardinality(String)  CODEC(ZSTD(1)),
    count         Nullable(UInt32)        CODEC(ZSTD(1)),
    hits          Nullable(UInt32)        CODEC(ZSTD(1)),
    known         Nullable(UInt32)        CODEC(ZSTD(1)),
    device        String                  CODEC(ZSTD(1)),
    ip_prefix     String                  CODEC(ZSTD(1)),
    asn           Nullable(UInt32)        CODEC(ZSTD(1)),
    number_range  String                  CODEC(ZSTD(1)),
    client        LowCardinality(String)  CODEC(ZSTD(1)),
    country       LowCardinality(String)  CODEC(ZSTD(1)),
    ip_country    LowCardinality(String)  CODEC(ZSTD(1)),
    tier          LowCardinality(String)  CODEC(ZSTD(1)),
    attested      Nullable(Bool)          CODEC(ZSTD(1)),
    decision      String                  CODEC(ZSTD(1)),
    scope         LowCardinality(String)  CODEC(ZSTD(1)),
    rest          String                  CODEC(ZSTD(1)) COMMENT 'fields without a column, as one JSON object; empty: none'
)
ENGINE = {replacing}
PARTITION BY toDate(at)
ORDER BY (account, at, partition, offset)
SETTINGS ttl_only_drop_parts = 1;

CREATE TABLE IF NOT EXISTS decisions {on_cluster}
(
    account    String                        CODEC(ZSTD(1)),
    seq        UInt64                        CODEC(Delta, ZSTD(1)),
    id         String                        CODEC(ZSTD(1)),
    issued     DateTime64(3, 'UTC')          CODEC(Delta, ZSTD(1)),
    expires    Nullable(DateTime64(3, 'UTC')) CODEC(ZSTD(1)),
    action     LowCardinality(String)        CODEC(ZSTD(1)),
    scope      LowCardinality(String)        CODEC(ZSTD(1)),
    mode       LowCardinality(String)        CODEC(ZSTD(1)),
    source     LowCardinality(String)        CODEC(ZSTD(1)),
    rule       LowCardinality(String)        CODEC(ZSTD(1)),
    reason     LowCardinality(String)        CODEC(ZSTD(1)) COMMENT 'code of the leading reason',
    score      Nullable(Float32)             CODEC(ZSTD(1)),
    event      String                        CODEC(ZSTD(1)),
    body       String                        CODEC(ZSTD(3)) COMMENT 'the whole decision, JSON'
)
ENGINE = {replacing}
PARTITION BY toDate(issued)
ORDER BY (account, issued, id)
SETTINGS ttl_only_drop_parts = 1;

CREATE TABLE IF NOT EXISTS rows {on_cluster}
(
    account    String                  CODEC(ZSTD(1)),
    at         DateTime64(3, 'UTC')    CODEC(Delta, ZSTD(1)),
    partition  UInt32                  CODEC(ZSTD(1)),
    offset     UInt64                  CODEC(Delta, ZSTD(1)),
    event      String                  CODEC(ZSTD(1)),
    why        LowCardinality(String)  CODEC(ZSTD(1)),
    weight     Float32                 CODEC(ZSTD(1)),
    catalog    LowCardinality(String)  CODEC(ZSTD(1)),
    values     Array(Float32)          CODEC(Gorilla, ZSTD(1)) COMMENT 'in catalogue order; NaN: unknown',
    score      Nullable(Float32)       CODEC(ZSTD(1)),
    model      LowCardinality(String)  CODEC(ZSTD(1)),
    decisions  Array(String)           CODEC(ZSTD(1))
)
ENGINE = {replacing}
PARTITION BY toDate(at)
ORDER BY (account, at, partition, offset)
SETTINGS ttl_only_drop_parts = 1;

CREATE TABLE IF NOT EXISTS reviews {on_cluster}
(
    account  String                  CODEC(ZSTD(1)),
    at       DateTime64(3, 'UTC')    CODEC(Delta, ZSTD(1)),
    id       String                  CODEC(ZSTD(1)),
    `case`   String                  CODEC(ZSTD(1)),
    actor    String                  CODEC(ZSTD(1)),
    act      LowCardinality(String)  CODEC(ZSTD(1)),
    verdict  LowCardinality(String)  CODEC(ZSTD(1)),
    label    LowCardinality(String)  CODEC(ZSTD(1)),
    decision String                  CODEC(ZSTD(1)),
    body     String                  CODEC(ZSTD(3)) COMMENT 'the whole review, JSON'
)
ENGINE = {replacing}
PARTITION BY toDate(at)
ORDER BY (account, at, id)
SETTINGS ttl_only_drop_parts = 1;

CREATE TABLE IF NOT EXISTS rejects {on_cluster}
(
    source     LowCardinality(String)  CODEC(ZSTD(1)),
    partition  UInt32                  CODEC(ZSTD(1)),
    offset     UInt64                  CODEC(Delta, ZSTD(1)),
    at         DateTime64(3, 'UTC')    CODEC(Delta, ZSTD(1)),
    reason     LowCardinality(String)  CODEC(ZSTD(1)),
    detail     String                  CODEC(ZSTD(1)),
    raw_b64    String                  CODEC(ZSTD(3))
)
ENGINE = {replacing}
PARTITION BY toDate(at)
ORDER BY (source, partition, offset)
SETTINGS ttl_only_drop_parts = 1;

-- Accounts that were deleted, so that what comes late of them goes, too. `done`: how often their rows were removed since.
CREATE TABLE IF NOT EXISTS deletions {on_cluster}
(
    account String               CODEC(ZSTD(1)),
    at      DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    done    UInt8                CODEC(ZSTD(1))
)
ENGINE = {replacing_by_done}
PARTITION BY toYYYYMM(at)
ORDER BY (account, at)
