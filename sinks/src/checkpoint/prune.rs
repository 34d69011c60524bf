//! Old chains go, the newest whole ones stay.
//!
//! Separate, because it is the only place that deletes. Invariants: it runs only after a full checkpoint became durable; the
//! newest `chains_kept` chains that have their full checkpoint's manifest stay, and the one just written, whatever the clocks of
//! others said; of a chain that goes, that manifest goes first, so that what is left of it after a crash does not exist; what is
//! newer than the oldest chain kept is never touched.

use std::collections::BTreeSet;

use futures_util::TryStreamExt;
use object_store::ObjectStoreExt;
use object_store::path::Path;

use super::{Checkpoints, Place};
use crate::error::Error;

impl Checkpoints {
    pub(super) async fn prune(&self, place: &Place, written: &str) -> Result<(), Error> {
        let folder = self.folder(place);
        let list = self.store.list(Some(&folder)).try_collect::<Vec<_>>().await;
        let list = list.map_err(|source| self.failed(folder.as_ref(), source))?;
        let chain_of = |path: &Path| -> Option<(String, String)> {
            let mut rest = path.prefix_match(&folder)?;
            let chain = rest.next()?.as_ref().to_owned();
            let within: Vec<String> = rest.map(|part| part.as_ref().to_owned()).collect();
            Some((chain, within.join("/")))
        };
        let first = "000000/manifest.json";
        let whole: BTreeSet<String> = list
            .iter()
            .filter_map(|object| chain_of(&object.location))
            .filter(|(_, within)| within == first)
            .map(|(chain, _)| chain)
            .collect();
        // Names sort by the process that wrote them and the offset at which they begin.
        let Some(oldest) = whole.iter().rev().nth(self.settings.chains_kept - 1) else { return Ok(()) };
        let mut goes: Vec<(bool, Path)> = Vec::new();
        for object in list {
            let Some((chain, within)) = chain_of(&object.location) else { continue };
            if chain < *oldest && chain != written {
                goes.push((within != first, object.location));
            }
        }
        goes.sort();
        for (_, path) in goes {
            let gone = self.store.delete(&path).await;
            gone.map_err(|source| self.failed(path.as_ref(), source))?;
        }
        Ok(())
    }
}
