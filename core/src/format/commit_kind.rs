//! The kinds of commit, as the head of a frame has them. One that is not known here is refused, never passed over.
use crate::error::{Error, Result};

/// The kinds of commit. The numbers are those in a frame's head.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum CommitKind {
    /// 1: adds points.
    Points,
    /// 2: deletes series x time.
    Delete,
    /// 3: drops every point of some series below a timestamp.
    Expire,
    /// 4: adds sealed segments.
    Attach,
    /// 5: starts an epoch.
    NewEpoch,
    /// 6: records that commits are missing from the log.
    Gap,
    /// 7: changes settings and policies.
    Settings,
    /// 8: records which windows of a downsampling rule are done.
    Downsampled,
}

impl From<CommitKind> for u8 {
    fn from(kind: CommitKind) -> Self {
        match kind {
            CommitKind::Points => 1,
            CommitKind::Delete => 2,
            CommitKind::Expire => 3,
            CommitKind::Attach => 4,
            CommitKind::NewEpoch => 5,
            CommitKind::Gap => 6,
            CommitKind::Settings => 7,
            CommitKind::Downsampled => 8,
        }
    }
}

impl TryFrom<u8> for CommitKind {
    type Error = Error;
    fn try_from(kind: u8) -> Result<Self> {
        Ok(match kind {
            1 => Self::Points,
            2 => Self::Delete,
            3 => Self::Expire,
            4 => Self::Attach,
            5 => Self::NewEpoch,
            6 => Self::Gap,
            7 => Self::Settings,
            8 => Self::Downsampled,
            _ => {
                return Err(Error::unsupported(alloc::format!(
                    "commits of kind {kind} are not known here: use a newer Chronicle"
                )));
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn unknown_kinds_are_unsupported() {
        for kind in [0, 9, 255] {
            assert_eq!(CommitKind::try_from(kind).unwrap_err().kind(), ErrorKind::Unsupported);
        }
    }
}
