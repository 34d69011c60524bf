//! What a record must be to be taken: its key is its account, it lies in its account's partition, and an internal kind
//! is signed by weir.
//!
//! Separate from the broker, so that every rule can be shown a record without one. Invariants: a refusal has one of the
//! closed reasons; without a signing key no internal kind is ever taken; the log's time is the broker's, whatever the
//! record says.

use hmac::{Hmac, KeyInit as _, Mac as _};
use schema::{CONTENT_TYPE_PROTOBUF, Event, RawEvent, Refusal, RejectReason};
use sha2::Sha256;

use super::murmur2::partition_of;

/// One record as it lies in the log.
#[derive(Debug, Clone, Copy, Default)]
pub struct Record<'a> {
    /// Its key.
    pub key: Option<&'a [u8]>,
    /// Its value.
    pub value: Option<&'a [u8]>,
    /// When the broker took it, ms since the Unix epoch; `None`: the topic does not keep LogAppendTime.
    pub at: Option<u64>,
    /// Header `content-type`.
    pub content_type: Option<&'a [u8]>,
    /// Header `weir-hmac`.
    pub signature: Option<&'a [u8]>,
}

/// The keys of weir's own signatures, of which any will do: what was signed with a key stays signed after another took its place.
#[derive(Clone)]
pub struct SigningKeys(Vec<Hmac<Sha256>>);

impl SigningKeys {
    /// Keys; any bytes will do, at least 32 random ones should.
    #[must_use]
    pub fn new<K: AsRef<[u8]>>(keys: &[K]) -> Self {
        let key = |key: &K| Hmac::new_from_slice(key.as_ref()).expect("HMAC takes keys of any length");
        Self(keys.iter().map(key).collect())
    }

    fn verify(&self, value: &[u8], signature: &[u8]) -> bool {
        self.0.iter().any(|key| key.clone().chain_update(value).verify_slice(signature).is_ok())
    }
}

impl std::fmt::Debug for SigningKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SigningKeys(hidden)")
    }
}

/// The rules of one partition.
#[derive(Debug, Clone)]
pub struct Admission {
    /// This partition.
    pub partition: u32,
    /// Partitions of the topic.
    pub partitions: u32,
    /// The keys of internal kinds; `None`: they are all refused.
    pub keys: Option<SigningKeys>,
}

impl Admission {
    /// Decodes a record; its `at` is the log's.
    ///
    /// # Errors
    /// It has no value, or is no event in the encoding that it names.
    #[inline]
    pub fn decode<'a>(&self, record: &Record<'a>) -> Result<RawEvent<'a>, Refusal> {
        let Some(value) = record.value else {
            return Err(Refusal::new(RejectReason::Malformed, "the record has no value"));
        };
        let mut raw = match record.content_type {
            Some(named) if named == CONTENT_TYPE_PROTOBUF.as_bytes() => schema::protobuf::decode(value)?,
            _ => schema::json::decode(value)?,
        };
        raw.at = record.at.or(raw.at);
        Ok(raw)
    }

    /// Whether the event may lie where it lies.
    ///
    /// # Errors
    /// `key_mismatch`, `wrong_partition` or `forged_internal`.
    #[inline]
    pub fn check(&self, record: &Record<'_>, event: &Event<'_>) -> Result<(), Refusal> {
        self.check_place(record, event.account)?;
        if event.body.is_internal() {
            self.check_signature(record, event.body.kind())?;
        }
        Ok(())
    }

    /// Whether a record about the account may lie where it lies, whatever it is.
    ///
    /// # Errors
    /// `key_mismatch` or `wrong_partition`.
    #[inline]
    pub fn check_place(&self, record: &Record<'_>, account: &str) -> Result<(), Refusal> {
        if record.key != Some(account.as_bytes()) {
            return Err(key_mismatch(record.key, account));
        }
        let own = partition_of(account.as_bytes(), self.partitions);
        if own == self.partition { Ok(()) } else { Err(self.wrong_partition(own)) }
    }

    fn check_signature(&self, record: &Record<'_>, kind: &str) -> Result<(), Refusal> {
        let refuse = |detail| Err(Refusal::new(RejectReason::ForgedInternal, detail));
        match (&self.keys, record.signature, record.value) {
            (None, _, _) => refuse(format!("{kind} is internal to weir, and no signing key is configured")),
            (_, None, _) => refuse(format!("{kind} is internal to weir, and the record is not signed")),
            (Some(keys), Some(signature), Some(value)) if keys.verify(value, signature) => Ok(()),
            _ => refuse(format!("{kind} is internal to weir, and the signature is of none of its keys")),
        }
    }

    #[cold]
    fn wrong_partition(&self, own: u32) -> Refusal {
        let Self { partition, partitions, .. } = self;
        let detail = format!(
            "lies in partition {partition}, belongs in {own} of {partitions}: produce with murmur2_random"
        );
        Refusal::new(RejectReason::WrongPartition, detail)
    }
}

#[cold]
fn key_mismatch(key: Option<&[u8]>, account: &str) -> Refusal {
    let detail = match key {
        None => format!("no key; it must be the account {account}"),
        Some(key) => format!("key {}; it must be the account {account}", String::from_utf8_lossy(key)),
    };
    Refusal::new(RejectReason::KeyMismatch, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MESSAGE: &str =
        r#"{"id":"e1","ts":1762128000000,"at":5,"kind":"reply","account":"foobar","peer":"p"}"#;
    const VERDICT: &str =
        r#"{"id":"e2","ts":1762128000000,"kind":"verdict","account":"foobar","verdict":"lift","actor":"r"}"#;

    fn record(value: &str) -> Record<'_> {
        Record {
            key: Some(b"foobar"),
            value: Some(value.as_bytes()),
            at: Some(1_762_128_000_500),
            ..Record::default()
        }
    }

    fn admission(key: Option<&[u8]>) -> Admission {
        let keys: Vec<&[u8]> = key.into_iter().collect();
        with_keys((!keys.is_empty()).then(|| SigningKeys::new(&keys)))
    }

    fn with_keys(keys: Option<SigningKeys>) -> Admission {
        Admission { partition: partition_of(b"foobar", 12), partitions: 12, keys }
    }

    fn judge(admission: &Admission, record: &Record<'_>) -> Result<Option<u64>, RejectReason> {
        let raw = admission.decode(record).map_err(|refusal| refusal.reason)?;
        let event = raw.event().map_err(|refusal| refusal.reason)?.expect("a known kind");
        admission.check(record, &event).map_err(|refusal| refusal.reason)?;
        Ok(event.at)
    }

    fn sign(key: &[u8], value: &str) -> Vec<u8> {
        let mac = Hmac::<Sha256>::new_from_slice(key).expect("any length").chain_update(value);
        mac.finalize().into_bytes().to_vec()
    }

    #[test]
    fn a_good_record_is_taken_and_its_time_is_the_brokers() {
        assert_eq!(judge(&admission(None), &record(MESSAGE)), Ok(Some(1_762_128_000_500)));
    }

    #[test]
    fn a_key_that_is_not_the_account_is_refused() {
        for key in [None, Some(&b"other"[..]), Some(b"")] {
            let record = Record { key, ..record(MESSAGE) };
            assert_eq!(judge(&admission(None), &record), Err(RejectReason::KeyMismatch));
        }
    }

    #[test]
    fn a_record_in_another_accounts_partition_is_refused() {
        let mut admission = admission(None);
        admission.partition = (admission.partition + 1) % 12;
        assert_eq!(judge(&admission, &record(MESSAGE)), Err(RejectReason::WrongPartition));
    }

    #[test]
    fn an_internal_kind_needs_weirs_own_signature() {
        let forged = Err(RejectReason::ForgedInternal);
        let good = sign(b"secret", VERDICT);
        let signed = |signature| Record { signature: Some(signature), ..record(VERDICT) };
        assert!(judge(&admission(Some(b"secret")), &signed(&good)).is_ok());
        assert_eq!(judge(&admission(Some(b"secret")), &record(VERDICT)), forged);
        assert_eq!(judge(&admission(Some(b"secret")), &signed(&good[..31])), forged);
        let (guessed, other) = (sign(b"guess", VERDICT), sign(b"secret", MESSAGE));
        assert_eq!(judge(&admission(Some(b"secret")), &signed(&guessed)), forged);
        assert_eq!(judge(&admission(Some(b"secret")), &signed(&other)), forged);
        assert_eq!(judge(&admission(None), &signed(&good)), forged);
    }

    #[test]
    fn what_an_earlier_key_signed_is_taken_while_that_key_is_given() {
        let (old, new) = (sign(b"old", VERDICT), sign(b"new", VERDICT));
        let judged = |keys: &[&str], signature| {
            let record = Record { signature: Some(signature), ..record(VERDICT) };
            judge(&with_keys(Some(SigningKeys::new(keys))), &record)
        };
        for both in [["new", "old"], ["old", "new"]] {
            assert!(judged(&both, &old).is_ok() && judged(&both, &new).is_ok());
        }
        assert_eq!(judged(&["new"], &old), Err(RejectReason::ForgedInternal));
        assert_eq!(judged(&["new", "old"], &sign(b"other", VERDICT)), Err(RejectReason::ForgedInternal));
    }

    #[test]
    fn what_is_no_event_is_refused_with_its_reason() {
        let none = Record { value: None, ..record(MESSAGE) };
        assert_eq!(judge(&admission(None), &none), Err(RejectReason::Malformed));
        assert_eq!(judge(&admission(None), &record("{")), Err(RejectReason::Malformed));
        let protobuf = Record { content_type: Some(b"application/x-protobuf"), ..record(MESSAGE) };
        assert_eq!(judge(&admission(None), &protobuf), Err(RejectReason::WrongType));
    }

    #[test]
    fn protobuf_is_read_if_the_header_says_so() {
        let mut bytes = Vec::new();
        let raw = schema::json::decode(MESSAGE.as_bytes()).expect("it is JSON");
        schema::protobuf::encode_raw(&raw, &mut bytes);
        let record = Record {
            value: Some(&bytes),
            content_type: Some(CONTENT_TYPE_PROTOBUF.as_bytes()),
            ..record(MESSAGE)
        };
        assert_eq!(judge(&admission(None), &record), Ok(Some(1_762_128_000_500)));
    }

    #[test]
    fn no_key_is_ever_printed() {
        assert!(!format!("{:?}", admission(Some(b"secret"))).contains("secret"));
    }
}
