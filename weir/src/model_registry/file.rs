//! The files of the model registry: signatures, the state of a name, gates.
//!
//! Separate from what is done with them. Invariant: unknown fields are refused, so that a file of a later build is not half
//! understood.

use models::gates::Gates;
use serde::{Deserialize, Serialize};

/// Beside each version: who signed it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignatureFile {
    /// Public key, 64 hexadecimal digits.
    pub key: String,
    /// Signature of the version's file, 128 hexadecimal digits.
    pub signature: String,
}

/// What a name's versions are used for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    /// The version that decides.
    pub champion: Option<String>,
    /// Versions that only score.
    pub shadows: Vec<String>,
    /// What was done, oldest first.
    pub history: Vec<Step>,
}

/// One act.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// When, ms since the Unix epoch.
    pub at: u64,
    /// Who, a pseudonym.
    pub by: String,
    /// `add`, `promote`, `shadow` or `rollback`.
    pub act: String,
    /// The version.
    pub version: String,
    /// The champion before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
}

/// Gates that differ from the defaults.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GatesFile {
    auc_min: Option<f64>,
    average_precision_min: Option<f64>,
    average_precision_loss_max: Option<f64>,
    calibration_error_max: Option<f64>,
    psi_max: Option<f64>,
    slice_accounts_min: Option<u64>,
    slice_false_positives_max: Option<f64>,
}

impl GatesFile {
    /// With the defaults for what is not said.
    pub fn gates(&self) -> Gates {
        let other = Gates::default();
        Gates {
            auc_min: self.auc_min.unwrap_or(other.auc_min),
            average_precision_min: self.average_precision_min.unwrap_or(other.average_precision_min),
            average_precision_loss_max: self
                .average_precision_loss_max
                .unwrap_or(other.average_precision_loss_max),
            calibration_error_max: self.calibration_error_max.unwrap_or(other.calibration_error_max),
            psi_max: self.psi_max.unwrap_or(other.psi_max),
            slice_accounts_min: self.slice_accounts_min.unwrap_or(other.slice_accounts_min),
            slice_false_positives_max: self
                .slice_false_positives_max
                .unwrap_or(other.slice_false_positives_max),
        }
    }
}
