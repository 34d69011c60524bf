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
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    /// The version that decides.
    pub champion: Option<String>,
    /// Versions that only score.
    pub shadows: Vec<String>,
    /// Versions that decide about a share of accounts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub challengers: Vec<String>,
    /// What was done, oldest first.
    pub history: Vec<Step>,
}

impl State {
    /// When its champion began to decide, the last time; ms since the Unix epoch.
    pub fn decides_since(&self) -> Option<u64> {
        let champion = self.champion.as_ref()?;
        let is_it =
            |step: &&Step| ["promote", "rollback"].contains(&step.act.as_str()) && step.version == *champion;
        Some(self.history.iter().rfind(is_it).map_or(0, |step| step.at))
    }

    /// Whether the gates once let the version pass.
    pub fn passed(&self, version: &str) -> bool {
        let has_passed = |step: &Step| ["promote", "share"].contains(&step.act.as_str());
        self.history.iter().any(|step| step.version == version && has_passed(step))
    }
}

/// Weights that labels taught, by the name under which they are in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WeightsInForce {
    /// The name.
    pub name: String,
    /// The version.
    pub version: String,
}

/// One act.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// When, ms since the Unix epoch.
    pub at: u64,
    /// Who, a pseudonym.
    pub by: String,
    /// `add`, `promote`, `share`, `shadow`, `rollback`, or `replaced`: a version of another name decides since.
    pub act: String,
    /// The version.
    pub version: String,
    /// The champion before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// The name of that champion, if it is another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before_name: Option<String>,
    /// The weights that were in force with that champion.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weights: Option<WeightsInForce>,
    /// The share of accounts that it decides about, if not all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<f32>,
}

/// Gates that differ from the defaults.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GatesFile {
    auc_min: Option<f64>,
    average_precision_min: Option<f64>,
    average_precision_loss_max: Option<f64>,
    calibration_error_max: Option<f64>,
    calibration_accounts_min: Option<u64>,
    psi_max: Option<f64>,
    score_psi_max: Option<f64>,
    slice_accounts_min: Option<u64>,
    slice_false_positives_max: Option<f64>,
}

impl GatesFile {
    /// With the defaults for what is not said; an error names what is no number, since nothing is beyond it.
    pub fn gates(&self) -> Result<Gates, &'static str> {
        let numbers = [
            ("auc_min", self.auc_min),
            ("average_precision_min", self.average_precision_min),
            ("average_precision_loss_max", self.average_precision_loss_max),
            ("calibration_error_max", self.calibration_error_max),
            ("psi_max", self.psi_max),
            ("score_psi_max", self.score_psi_max),
            ("slice_false_positives_max", self.slice_false_positives_max),
        ];
        if let Some((name, _)) = numbers.iter().find(|(_, number)| number.is_some_and(|n| !n.is_finite())) {
            return Err(name);
        }
        let other = Gates::default();
        Ok(Gates {
            auc_min: self.auc_min.unwrap_or(other.auc_min),
            average_precision_min: self.average_precision_min.unwrap_or(other.average_precision_min),
            average_precision_loss_max: self
                .average_precision_loss_max
                .unwrap_or(other.average_precision_loss_max),
            calibration_error_max: self.calibration_error_max.unwrap_or(other.calibration_error_max),
            calibration_accounts_min: self.calibration_accounts_min.unwrap_or(other.calibration_accounts_min),
            psi_max: self.psi_max.unwrap_or(other.psi_max),
            score_psi_max: self.score_psi_max.unwrap_or(other.score_psi_max),
            slice_accounts_min: self.slice_accounts_min.unwrap_or(other.slice_accounts_min),
            slice_false_positives_max: self
                .slice_false_positives_max
                .unwrap_or(other.slice_false_positives_max),
        })
    }
}
