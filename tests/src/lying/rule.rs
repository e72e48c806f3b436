//! Which lie is told when.
use crate::workload::Random;
use chronicle::ErrorKind;
use std::time::Duration;

/// A call of a destination.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Call {
    Put,
    Get,
    GetRange,
    Stat,
    List,
    Delete,
    Clean,
    Hash,
}

/// One way not to tell the truth.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Lie {
    /// A put or a deletion is done, and then `Transient`.
    LostAcknowledgement,
    /// Nothing is done, and this error. With [`Rule::times`], a storm of them.
    ErrorBefore(ErrorKind),
    /// Any call takes longer.
    Slow(Duration),
    /// A creation that was refused is said to have succeeded.
    RepeatedSuccess,
    /// Creations overwrite.
    CreateOnlyIgnored,
    /// Creations look first and overwrite then, so that several can win.
    CreateOnlyRacy,
    /// A put stores half of the object under its name for a moment.
    TornWhilePut,
    /// A put stores half of the object, and says that all is well.
    TornPut,
    /// A put that fails leaves something under the name.
    TornByFailure,
    /// A put stores nothing, and says that all is well.
    ObjectGone,
    /// Reads give fewer bytes than they should, and no error.
    ShortBody,
    /// A range that passes the end gives what there is.
    ShortRange,
    /// A range starts one byte later.
    WrongRange,
    /// A whole read gives what was there before.
    StaleGet,
    /// The length is one too many.
    WrongLength,
    /// The object that was put last is not listed.
    StaleList,
    /// A listing ends after its first page.
    ShortList,
    /// Pages come in the wrong order.
    UnsortedList,
    /// A listing never ends.
    EndlessList,
    /// A deletion does nothing.
    DeleteIgnored,
    /// What living jobs left is removed, too.
    CleansLiving,
    /// The hash of something else.
    WrongHash,
}

impl Lie {
    fn is_about(self, call: Call) -> bool {
        match self {
            // Only what brings bytes finds that there is no room.
            Self::ErrorBefore(ErrorKind::Full) => call == Call::Put,
            Self::ErrorBefore(_) | Self::Slow(_) => true,
            Self::LostAcknowledgement => matches!(call, Call::Put | Call::Delete),
            Self::RepeatedSuccess
            | Self::CreateOnlyIgnored
            | Self::CreateOnlyRacy
            | Self::TornWhilePut
            | Self::TornPut
            | Self::TornByFailure
            | Self::ObjectGone => call == Call::Put,
            Self::ShortBody => matches!(call, Call::Get | Call::GetRange),
            Self::StaleGet => call == Call::Get,
            Self::ShortRange | Self::WrongRange => call == Call::GetRange,
            Self::WrongLength => call == Call::Stat,
            Self::StaleList | Self::ShortList | Self::UnsortedList | Self::EndlessList => call == Call::List,
            Self::DeleteIgnored => call == Call::Delete,
            Self::CleansLiving => call == Call::Clean,
            Self::WrongHash => call == Call::Hash,
        }
    }
}

/// A lie, and when it is told: to calls that it is about, whose name has `part`, but the first `skip` of these, with a chance of
/// `percent`, at most `times`.
#[derive(Clone, Debug)]
pub struct Rule {
    lie: Lie,
    part: String,
    skip: u64,
    percent: u64,
    times: u64,
}

impl Rule {
    /// Always.
    pub fn new(lie: Lie) -> Self {
        Self { lie, part: String::new(), skip: 0, percent: 100, times: u64::MAX }
    }

    /// Only where the name has this in it.
    #[must_use]
    pub fn on(self, part: &str) -> Self {
        Self { part: part.to_owned(), ..self }
    }

    /// Not to the first so many calls.
    #[must_use]
    pub fn after(self, skip: u64) -> Self {
        Self { skip, ..self }
    }

    /// By chance, in so many of 100 calls.
    #[must_use]
    pub fn percent(self, percent: u64) -> Self {
        Self { percent, ..self }
    }

    /// So often, and then no more.
    #[must_use]
    pub fn times(self, times: u64) -> Self {
        Self { times, ..self }
    }

    /// The lie for a call, if it is its turn.
    pub(super) fn lie_to(&mut self, call: Call, name: &str, random: &mut Random) -> Option<Lie> {
        if !self.lie.is_about(call) || !name.contains(&self.part) || self.times == 0 {
            return None;
        }
        if self.skip > 0 {
            self.skip -= 1;
            return None;
        }
        if self.percent < 100 && random.below(100) >= self.percent {
            return None;
        }
        self.times -= 1;
        Some(self.lie)
    }
}
