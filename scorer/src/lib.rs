//! scorer.
