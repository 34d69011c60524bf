-- The archive on a ClickHouse cluster called `main`, whose servers define the macros `shard` and `replica`.
-- NOT RUN by weir's tests, which have no Keeper: the same statements with plain engines are.
-- Everything below the line is what the code would send, which a test holds it to.

CREATE DATABASE IF NOT EXISTS weir ON CLUSTER 'main';
USE weir;

-- ----
CREATE TABLE IF NOT EXISTS migrations ON CLUSTER 'main'
(version UInt32, name String, at DateTime('UTC') DEFAULT now())
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}')
ORDER BY version;

-- What is kept. The engines are plain or, on a cluster, replicated.
-- How long rows live is set from the configuration (migrate.rs).
-- A repeat has the same key and lies in the same day, so that it vanishes in merges and under FINAL.
CREATE TABLE IF NOT EXISTS events ON CLUSTER 'main'
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
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}')
PARTITION BY toDate(at)
ORDER BY (account, at, partition, offset)
SETTINGS ttl_only_drop_parts = 1;

CREATE TABLE IF NOT EXISTS decisions ON CLUSTER 'main'
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
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}')
PARTITION BY toDate(issued)
ORDER BY (account, issued, id)
SETTINGS ttl_only_drop_parts = 1;

CREATE TABLE IF NOT EXISTS rows ON CLUSTER 'main'
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
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}')
PARTITION BY toDate(at)
ORDER BY (account, at, partition, offset)
SETTINGS ttl_only_drop_parts = 1;

CREATE TABLE IF NOT EXISTS reviews ON CLUSTER 'main'
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
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}')
PARTITION BY toDate(at)
ORDER BY (account, at, id)
SETTINGS ttl_only_drop_parts = 1;

CREATE TABLE IF NOT EXISTS rejects ON CLUSTER 'main'
(
    source     LowCardinality(String)  CODEC(ZSTD(1)),
    partition  UInt32                  CODEC(ZSTD(1)),
    offset     UInt64                  CODEC(Delta, ZSTD(1)),
    at         DateTime64(3, 'UTC')    CODEC(Delta, ZSTD(1)),
    reason     LowCardinality(String)  CODEC(ZSTD(1)),
    detail     String                  CODEC(ZSTD(1)),
    raw_b64    String                  CODEC(ZSTD(3))
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}')
PARTITION BY toDate(at)
ORDER BY (source, partition, offset)
SETTINGS ttl_only_drop_parts = 1;

-- Accounts that were deleted, so that what comes late of them goes, too. `done`: how often their rows were removed since.
CREATE TABLE IF NOT EXISTS deletions ON CLUSTER 'main'
(
    account String               CODEC(ZSTD(1)),
    at      DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    done    UInt8                CODEC(ZSTD(1))
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}', done)
PARTITION BY toYYYYMM(at)
ORDER BY (account, at);

-- Counts by the minute. A count is a set: the log positions (as a bitmap) or ids that were counted. Whatever is inserted
-- twice, in whatever batches, is in the set once. No account lies here, so a deletion changes no count.
CREATE TABLE IF NOT EXISTS events_by_minute ON CLUSTER 'main'
(
    minute    DateTime('UTC')                       CODEC(Delta, ZSTD(1)),
    kind      LowCardinality(String)                CODEC(ZSTD(1)),
    partition UInt32                                CODEC(ZSTD(1)),
    seen      AggregateFunction(groupBitmap, UInt64) CODEC(ZSTD(1))
)
ENGINE = ReplicatedAggregatingMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}')
PARTITION BY toDate(minute)
ORDER BY (minute, kind, partition)
SETTINGS ttl_only_drop_parts = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS count_events ON CLUSTER 'main' TO events_by_minute AS
SELECT toStartOfMinute(toDateTime(at)) AS minute, kind, partition, groupBitmapState(offset) AS seen
FROM events
GROUP BY minute, kind, partition;

CREATE TABLE IF NOT EXISTS decisions_by_minute ON CLUSTER 'main'
(
    minute DateTime('UTC')                        CODEC(Delta, ZSTD(1)),
    mode   LowCardinality(String)                 CODEC(ZSTD(1)),
    action LowCardinality(String)                 CODEC(ZSTD(1)),
    reason LowCardinality(String)                 CODEC(ZSTD(1)),
    source LowCardinality(String)                 CODEC(ZSTD(1)),
    rule   LowCardinality(String)                 CODEC(ZSTD(1)),
    seen   AggregateFunction(uniqExact, String)   CODEC(ZSTD(1))
)
ENGINE = ReplicatedAggregatingMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}')
PARTITION BY toDate(minute)
ORDER BY (minute, mode, action, reason, source, rule)
SETTINGS ttl_only_drop_parts = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS count_decisions ON CLUSTER 'main' TO decisions_by_minute AS
SELECT toStartOfMinute(toDateTime(issued)) AS minute, mode, action, reason, source, rule, uniqExactState(id) AS seen
FROM decisions
GROUP BY minute, mode, action, reason, source, rule;

CREATE TABLE IF NOT EXISTS rejects_by_minute ON CLUSTER 'main'
(
    minute    DateTime('UTC')                       CODEC(Delta, ZSTD(1)),
    reason    LowCardinality(String)                CODEC(ZSTD(1)),
    source    LowCardinality(String)                CODEC(ZSTD(1)),
    partition UInt32                                CODEC(ZSTD(1)),
    seen      AggregateFunction(groupBitmap, UInt64) CODEC(ZSTD(1))
)
ENGINE = ReplicatedAggregatingMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}')
PARTITION BY toDate(minute)
ORDER BY (minute, reason, source, partition)
SETTINGS ttl_only_drop_parts = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS count_rejects ON CLUSTER 'main' TO rejects_by_minute AS
SELECT toStartOfMinute(toDateTime(at)) AS minute, reason, source, partition, groupBitmapState(offset) AS seen
FROM rejects
GROUP BY minute, reason, source, partition;

-- When each account was first restricted and first reported, ms since the Unix epoch; the largest number: never.
CREATE TABLE IF NOT EXISTS firsts ON CLUSTER 'main'
(
    account    String                                CODEC(ZSTD(1)),
    restricted SimpleAggregateFunction(min, UInt64)  CODEC(ZSTD(1)),
    reported   SimpleAggregateFunction(min, UInt64)  CODEC(ZSTD(1))
)
ENGINE = ReplicatedAggregatingMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}')
ORDER BY account;

CREATE MATERIALIZED VIEW IF NOT EXISTS first_restricted ON CLUSTER 'main' TO firsts AS
SELECT account, min(toUInt64(toUnixTimestamp64Milli(issued))) AS restricted, 18446744073709551615 AS reported
FROM decisions
WHERE mode = 'enforce' AND action IN ('challenge', 'rate_limit', 'ban') AND scope != 'registration'
GROUP BY account;

CREATE MATERIALIZED VIEW IF NOT EXISTS first_reported ON CLUSTER 'main' TO firsts AS
SELECT account, 18446744073709551615 AS restricted, min(toUInt64(toUnixTimestamp64Milli(at))) AS reported
FROM events
WHERE kind = 'report'
GROUP BY account;

ALTER TABLE events ON CLUSTER 'main' MODIFY TTL toDateTime(at) + toIntervalDay(90);

ALTER TABLE decisions ON CLUSTER 'main' MODIFY TTL toDateTime(issued) + toIntervalDay(400);

ALTER TABLE rows ON CLUSTER 'main' MODIFY TTL toDateTime(at) + toIntervalDay(90);

ALTER TABLE reviews ON CLUSTER 'main' MODIFY TTL toDateTime(at) + toIntervalDay(400);

ALTER TABLE rejects ON CLUSTER 'main' MODIFY TTL toDateTime(at) + toIntervalDay(14);

ALTER TABLE deletions ON CLUSTER 'main' MODIFY TTL toDateTime(at) + toIntervalDay(400);

ALTER TABLE events_by_minute ON CLUSTER 'main' MODIFY TTL minute + toIntervalDay(400);

ALTER TABLE decisions_by_minute ON CLUSTER 'main' MODIFY TTL minute + toIntervalDay(400);

ALTER TABLE rejects_by_minute ON CLUSTER 'main' MODIFY TTL minute + toIntervalDay(400);

ALTER TABLE firsts ON CLUSTER 'main' MODIFY TTL toDateTime(least(intDiv(restricted, 1000), intDiv(reported, 1000))) + toIntervalDay(400);
