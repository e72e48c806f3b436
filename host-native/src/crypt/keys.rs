//! Keys: recipients that anybody may know, identities and passphrases that open what was encrypted to them.
use crate::error::{Error, ErrorKind, Result};
use crate::files::os_error::OsContext;
use crate::host::random_bytes;
use bech32::primitives::decode::CheckedHrpstring;
use bech32::{Bech32, Hrp};
use std::collections::BTreeSet;
use std::fmt;
use std::io::Read;
use std::path::Path;
use std::str::FromStr;
use x25519_dalek::{PublicKey, StaticSecret};

const RECIPIENT: &str = "age";
const IDENTITY: &str = "age-secret-key-";
/// Most bytes of a file of keys or a passphrase.
const FILE_LEN_MAX: u64 = 64 << 10;

/// To whom is encrypted: an X25519 public key, `age1...`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Recipient(pub(super) [u8; 32]);

/// What opens: an X25519 secret key, `AGE-SECRET-KEY-1...`. Never printed.
#[derive(Clone)]
pub struct Identity(pub(super) StaticSecret);

/// A passphrase. Never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Passphrase(pub(super) String);

/// To whom a backup is encrypted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum EncryptTo {
    /// To all of these; each reads it alone.
    Recipients(BTreeSet<Recipient>),
    /// To an identity that lies in the repository as `key.age`, under this passphrase.
    Passphrase(Passphrase),
}

/// What a reader has: identities, a passphrase, or nothing.
#[derive(Clone, Default, Debug)]
pub struct Keys {
    pub(crate) identities: Vec<Identity>,
    pub(crate) passphrase: Option<Passphrase>,
}

fn decode<const N: usize>(text: &str, prefix: &str) -> Option<[u8; N]> {
    let checked = CheckedHrpstring::new::<Bech32>(text).ok()?;
    let is_it = checked.hrp().to_string().eq_ignore_ascii_case(prefix);
    let bytes: Vec<u8> = checked.byte_iter().collect();
    bytes.try_into().ok().filter(|_| is_it)
}

fn encode(prefix: &str, bytes: &[u8]) -> String {
    let encoded = Hrp::parse(prefix).ok().and_then(|hrp| bech32::encode::<Bech32>(hrp, bytes).ok());
    // Prefix and length are constants that fit.
    encoded.unwrap_or_default()
}

impl FromStr for Recipient {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        decode(text, RECIPIENT).filter(|_| text.starts_with("age1")).map(Self).ok_or_else(|| {
            Error::invalid(format!(
                "{text:?} is no age recipient: one starts with age1 and is printed by `age-keygen`; check that it was copied whole"
            ))
        })
    }
}

impl fmt::Display for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&encode(RECIPIENT, &self.0))
    }
}

impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Identity {
    /// A new one.
    pub fn random() -> Result<Self> {
        Ok(Self(StaticSecret::from(random_bytes()?)))
    }

    /// Who encrypts to it.
    pub fn recipient(&self) -> Recipient {
        Recipient(PublicKey::from(&self.0).to_bytes())
    }

    /// Its text, as in a file of identities. Keep it secret.
    pub fn to_secret_text(&self) -> String {
        encode(IDENTITY, self.0.as_bytes()).to_ascii_uppercase()
    }

    /// The identities in the text of a file as `age-keygen` writes it: one a line, and comments. `InvalidInput` for a line that
    /// is none, or when there is none.
    pub fn parse_file(text: &str) -> Result<Vec<Self>> {
        let lines = text.lines().map(str::trim).enumerate();
        let lines = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
        let found: Vec<Self> = lines
            .map(|(at, line)| {
                // Nothing of a line is repeated in a message: it may be a key.
                decode(line, IDENTITY).map(|bytes| Self(StaticSecret::from(bytes))).ok_or_else(|| {
                    Error::invalid(format!(
                        "line {} is no age identity: one starts with AGE-SECRET-KEY-1, as `age-keygen` writes it; identities of \
                         SSH, of plugins and under a passphrase are not read",
                        at + 1
                    ))
                })
            })
            .collect::<Result<_>>()?;
        match found.is_empty() {
            true => Err(Error::invalid("there is no identity in the file: make one with `age-keygen`")),
            false => Ok(found),
        }
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identity of {}", self.recipient())
    }
}

impl Passphrase {
    /// Any text but an empty one.
    pub fn new(text: impl Into<String>) -> Result<Self> {
        match text.into() {
            text if text.is_empty() => Err(Error::invalid("the passphrase is empty")),
            text => Ok(Self(text)),
        }
    }

    /// The first line of a file.
    pub fn read(path: &Path) -> Result<Self> {
        let text = read_text(path)?;
        Self::new(text.lines().next().unwrap_or_default()).map_err(|error| error.at(path.display()))
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase(..)")
    }
}

impl EncryptTo {
    /// Recipients; at least one.
    pub fn recipients(recipients: impl IntoIterator<Item = Recipient>) -> Result<Self> {
        let recipients: BTreeSet<Recipient> = recipients.into_iter().collect();
        match recipients.len() {
            0 => Err(Error::invalid("no recipient is given to encrypt to")),
            1..=chronicle_core::backup::repository::RECIPIENTS_MAX => Ok(Self::Recipients(recipients)),
            many => Err(Error::new(
                ErrorKind::LimitExceeded,
                format!(
                    "{many} recipients are more than {}",
                    chronicle_core::backup::repository::RECIPIENTS_MAX
                ),
            )),
        }
    }

    /// The recipients in a file: one a line, and comments that start with `#`.
    pub fn recipients_of_file(path: &Path) -> Result<Vec<Recipient>> {
        let text = read_text(path)?;
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        lines.map(|line| line.parse().map_err(|error: Error| error.at(path.display()))).collect()
    }
}

impl Keys {
    /// None: what is encrypted stays closed.
    pub fn none() -> Self {
        Self::default()
    }

    /// Adds the identities of a file as `age-keygen` writes it.
    pub fn identity_file(mut self, path: &Path) -> Result<Self> {
        let found = Identity::parse_file(&read_text(path)?).map_err(|error| error.at(path.display()))?;
        self.identities.extend(found);
        Ok(self)
    }

    /// Adds an identity.
    #[must_use]
    pub fn identity(mut self, identity: Identity) -> Self {
        self.identities.push(identity);
        self
    }

    /// Sets the passphrase that opens `key.age`.
    #[must_use]
    pub fn passphrase(self, passphrase: Passphrase) -> Self {
        Self { passphrase: Some(passphrase), ..self }
    }

    /// True when there is nothing to open with.
    pub fn is_empty(&self) -> bool {
        self.identities.is_empty() && self.passphrase.is_none()
    }
}

fn read_text(path: &Path) -> Result<String> {
    let file = std::fs::File::open(path).os("open", path)?;
    let mut bytes = Vec::new();
    file.take(FILE_LEN_MAX + 1).read_to_end(&mut bytes).os("read", path)?;
    if bytes.len() as u64 > FILE_LEN_MAX {
        return Err(Error::invalid("the file is too long for keys").at(path.display()));
    }
    String::from_utf8(bytes).map_err(|_| Error::invalid("the file is no text").at(path.display()))
}
