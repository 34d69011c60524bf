//! Buckets of object stores: Amazon S3 and what speaks like it, Google Cloud Storage, Azure Blob Storage.
//!
//! Separate, because it is built only with the feature `cloud`, which brings an HTTP client of its own. Invariants: settings are
//! arguments, by the names of the stores' own variables; unknown ones are passed over, since the environment holds many.

use std::str::FromStr;
use std::sync::Arc;

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::path::Path;
use object_store::{ObjectStore, Result};

/// The store of a URL, and where in it.
pub(super) fn bucket(url: &str, options: &[(String, String)]) -> Result<(Arc<dyn ObjectStore>, Path)> {
    // The client takes the process's provider; another part of it may have chosen the same already.
    drop(rustls::crypto::ring::default_provider().install_default());
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let root = Path::parse(rest.split_once('/').map_or("", |(_, root)| root))?;
    let store: Arc<dyn ObjectStore> = match scheme {
        "s3" => {
            let builder = AmazonS3Builder::new().with_url(url);
            let given = known::<AmazonS3ConfigKey>("AWS_", options);
            Arc::new(given.fold(builder, |builder, (key, value)| builder.with_config(key, value)).build()?)
        }
        "gs" => {
            let builder = GoogleCloudStorageBuilder::new().with_url(url);
            let given = known::<GoogleConfigKey>("GOOGLE_", options);
            Arc::new(given.fold(builder, |builder, (key, value)| builder.with_config(key, value)).build()?)
        }
        _ => {
            let builder = MicrosoftAzureBuilder::new().with_url(url);
            let given = known::<AzureConfigKey>("AZURE_", options);
            Arc::new(given.fold(builder, |builder, (key, value)| builder.with_config(key, value)).build()?)
        }
    };
    Ok((store, root))
}

/// The options that begin with `prefix` and that the store knows.
fn known<'o, K: FromStr + 'o>(
    prefix: &'static str,
    options: &'o [(String, String)],
) -> impl Iterator<Item = (K, &'o str)> {
    let own = options.iter().filter(move |(name, _)| name.starts_with(prefix));
    own.filter_map(|(name, value)| Some((name.to_ascii_lowercase().parse().ok()?, value.as_str())))
}
