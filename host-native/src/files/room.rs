//! Room: how many bytes a medium still takes.
use crate::error::Result;
use std::path::Path;

/// Bytes that this user may still write where `folder` lies; `None` where the system does not tell.
pub fn free_bytes(folder: &Path) -> Result<Option<u64>> {
    #[cfg(unix)]
    {
        let found = rustix::fs::statvfs(folder).map_err(|error| {
            crate::error::io("ask for the free space of", folder, &std::io::Error::from(error))
        })?;
        Ok(Some(found.f_bavail.saturating_mul(found.f_frsize)))
    }
    #[cfg(not(unix))]
    {
        let _ = folder;
        Ok(None)
    }
}
