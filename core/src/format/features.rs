//! The format's version and its three feature words: what a build may do with a file it did not write.
use crate::error::{Error, Result};

/// Version of the format that this build writes, and the newest that it reads. 0 means "may still break".
pub const FORMAT_VERSION: u32 = 0;

/// Feature bits of a container or log file. Bits that this build doesn't know decide what it may do: see
/// [`Features::access`].
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Features {
    /// Unknown bits may be ignored, and are kept when the file is written.
    pub compatible: u64,
    /// With unknown bits the file may be read, never written.
    pub read_only_compatible: u64,
    /// With unknown bits the file can't be used.
    pub incompatible: u64,
}

/// What a build may do with a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Access {
    /// Everything.
    ReadWrite,
    /// Reading only: these read-only-compatible bits are not known here.
    ReadOnly {
        /// The unknown bits.
        unknown_features: u64,
    },
}

impl Features {
    /// The bits that this build knows. None is in use yet.
    pub const KNOWN: Self = Self { compatible: 0, read_only_compatible: 0, incompatible: 0 };

    /// What this build may do with a file of `version` and these features. `what` names the file in the error.
    pub fn access(&self, version: u32, what: &str) -> Result<Access> {
        let unknown = self.incompatible & !Self::KNOWN.incompatible;
        if version > FORMAT_VERSION || unknown != 0 {
            return Err(Error::unsupported(alloc::format!(
                "{what} has format version {version} and incompatible features {:#x}; this build reads versions up to \
                 {FORMAT_VERSION} and features {:#x}: use a newer Chronicle",
                self.incompatible,
                Self::KNOWN.incompatible
            )));
        }
        Ok(match self.read_only_compatible & !Self::KNOWN.read_only_compatible {
            0 => Access::ReadWrite,
            unknown_features => Access::ReadOnly { unknown_features },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn unknown_bits_refuse_writing_or_everything_by_their_word() {
        let access = |compatible, read_only_compatible, incompatible| {
            Features { compatible, read_only_compatible, incompatible }.access(0, "data.db")
        };
        assert_eq!(access(u64::MAX, 0, 0).unwrap(), Access::ReadWrite);
        assert_eq!(access(0, 6, 0).unwrap(), Access::ReadOnly { unknown_features: 6 });
        let error = access(0, 0, 0x10).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.message().contains("0x10"), "{error}");
        assert!(Features::default().access(1, "data.db").unwrap_err().message().contains("version 1"));
    }
}
