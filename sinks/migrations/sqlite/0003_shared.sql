-- Who registered or connected on a shared thing.
CREATE INDEX events_of_device ON events (body ->> 'device', at) WHERE kind IN ('registration', 'session');
CREATE INDEX events_of_prefix ON events (body ->> 'ip_prefix', at) WHERE kind IN ('registration', 'session');
CREATE INDEX events_of_range ON events (body ->> 'number_range', at) WHERE kind IN ('registration', 'session');
CREATE INDEX events_of_asn ON events (body ->> 'asn', at) WHERE kind IN ('registration', 'session');
