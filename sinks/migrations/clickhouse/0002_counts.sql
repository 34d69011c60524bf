-- Counts by the minute. A count is a set: the log positions (as a bitmap) or ids that were counted. Whatever is inserted
-- twice, in whatever batches, is in the set once. No account lies here, so a deletion changes no count.
CREATE TABLE IF NOT EXISTS events_by_minute {on_cluster}
(
    minute    DateTime('UTC')                       CODEC(Delta, ZSTD(1)),
    kind      LowCardinality(String)                CODEC(ZSTD(1)),
    partition UInt32                                CODEC(ZSTD(1)),
    seen      AggregateFunction(groupBitmap, UInt64) CODEC(ZSTD(1))
)
ENGINE = {aggregating}
PARTITION BY toDate(minute)
ORDER BY (minute, kind, partition)
SETTINGS ttl_only_drop_parts = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS count_events {on_cluster} TO events_by_minute AS
SELECT toStartOfMinute(toDateTime(at)) AS minute, kind, partition, groupBitmapState(offset) AS seen
FROM events
GROUP BY minute, kind, partition;

CREATE TABLE IF NOT EXISTS decisions_by_minute {on_cluster}
(
    minute DateTime('UTC')                        CODEC(Delta, ZSTD(1)),
    mode   LowCardinality(String)                 CODEC(ZSTD(1)),
    action LowCardinality(String)                 CODEC(ZSTD(1)),
    reason LowCardinality(String)                 CODEC(ZSTD(1)),
    source LowCardinality(String)                 CODEC(ZSTD(1)),
    rule   LowCardinality(String)                 CODEC(ZSTD(1)),
    seen   AggregateFunction(uniqExact, String)   CODEC(ZSTD(1))
)
ENGINE = {aggregating}
PARTITION BY toDate(minute)
ORDER BY (minute, mode, action, reason, source, rule)
SETTINGS ttl_only_drop_parts = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS count_decisions {on_cluster} TO decisions_by_minute AS
SELECT toStartOfMinute(toDateTime(issued)) AS minute, mode, action, reason, source, rule, uniqExactState(id) AS seen
FROM decisions
GROUP BY minute, mode, action, reason, source, rule;

CREATE TABLE IF NOT EXISTS rejects_by_minute {on_cluster}
(
    minute    DateTime('UTC')                       CODEC(Delta, ZSTD(1)),
    reason    LowCardinality(String)                CODEC(ZSTD(1)),
    source    LowCardinality(String)                CODEC(ZSTD(1)),
    partition UInt32                                CODEC(ZSTD(1)),
    seen      AggregateFunction(groupBitmap, UInt64) CODEC(ZSTD(1))
)
ENGINE = {aggregating}
PARTITION BY toDate(minute)
ORDER BY (minute, reason, source, partition)
SETTINGS ttl_only_drop_parts = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS count_rejects {on_cluster} TO rejects_by_minute AS
SELECT toStartOfMinute(toDateTime(at)) AS minute, reason, source, partition, groupBitmapState(offset) AS seen
FROM rejects
GROUP BY minute, reason, source, partition;

-- When each account was first restricted and first reported, ms since the Unix epoch; the largest number: never.
CREATE TABLE IF NOT EXISTS firsts {on_cluster}
(
    account    String                                CODEC(ZSTD(1)),
    restricted SimpleAggregateFunction(min, UInt64)  CODEC(ZSTD(1)),
    reported   SimpleAggregateFunction(min, UInt64)  CODEC(ZSTD(1))
)
ENGINE = {aggregating}
ORDER BY account;

CREATE MATERIALIZED VIEW IF NOT EXISTS first_restricted {on_cluster} TO firsts AS
SELECT account, min(toUInt64(toUnixTimestamp64Milli(issued))) AS restricted, 18446744073709551615 AS reported
FROM decisions
WHERE mode = 'enforce' AND action IN ('challenge', 'rate_limit', 'ban') AND scope != 'registration'
GROUP BY account;

CREATE MATERIALIZED VIEW IF NOT EXISTS first_reported {on_cluster} TO firsts AS
SELECT account, 18446744073709551615 AS restricted, min(toUInt64(toUnixTimestamp64Milli(at))) AS reported
FROM events
WHERE kind = 'report'
GROUP BY account
