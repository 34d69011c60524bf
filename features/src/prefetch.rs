//! Asking for memory before it is needed.
//!
//! Separate, because it is the crate's only unsafe line. With millions of accounts nearly every record waits for memory;
//! asked for one record ahead, it is there in time. Invariant: changes no value, on any machine.

/// Asks for the cache line of a value.
#[inline]
pub(crate) fn prefetch<T>(value: &T) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: the address comes from a reference; prefetching reads nothing and cannot fault.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(value).cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = value;
}
