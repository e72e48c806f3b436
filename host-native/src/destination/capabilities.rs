//! What a destination can do.

/// What a destination says of itself. [`conformance`](super::conformance) finds out whether it is so.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Capabilities {
    /// [`CreateOnly`](super::PutMode::CreateOnly) has exactly one winner, also between hosts.
    pub create_only: bool,
    /// A range of an object can be read without the rest.
    pub ranged_reads: bool,
    /// Objects can be listed.
    pub list: bool,
    /// Objects can be deleted.
    pub delete: bool,
    /// [`hash`](super::Destination::hash) answers.
    pub hash: bool,
    /// An interrupted put goes on where it was.
    pub resumable_puts: bool,
    /// The user declared that nobody else writes there: then `create_only` may be missing.
    pub single_writer: bool,
    /// Longest object, bytes; `None` where no limit is known.
    pub object_bytes_max: Option<u64>,
    /// Passing failures are tried again inside, for as long as that makes sense: a `Transient` is final.
    pub retries: bool,
    /// A server that we do not know says all this: it is tried before a repository is made there.
    pub must_be_tried: bool,
}

impl Capabilities {
    /// Can do everything, for any number of writers.
    pub const ALL: Self = Self {
        create_only: true,
        ranged_reads: true,
        list: true,
        delete: true,
        hash: true,
        resumable_puts: true,
        single_writer: false,
        object_bytes_max: None,
        retries: false,
        must_be_tried: false,
    };
}
