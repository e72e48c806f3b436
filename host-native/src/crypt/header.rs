//! Header of an age file: a text of stanzas, authenticated with the file key.
use super::keys::{Keys, Recipient};
use super::stanza::{Stanza, decode};
use crate::error::{Error, ErrorKind, Result};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD_NO_PAD;
use chronicle_core::crypt::FileKey;
use hkdf::Hkdf;
use hmac::digest::{Key, KeyInit};
use hmac::{Hmac, Mac};
use sha2::Sha256;

/// Most bytes of a header: that of a point with all recipients that it may have takes half of it.
pub(super) const HEADER_LEN_MAX: usize = 4_096;
const VERSION: &str = "age-encryption.org/v1";
const FOOTER: &str = "---";
/// Characters of a full line of a stanza's body.
const LINE: usize = 64;

/// A header that was read. It says nothing of what is behind it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Header {
    stanzas: Vec<Stanza>,
    /// Its bytes, up to the checksum.
    authenticated: Vec<u8>,
    mac: [u8; 32],
    len: usize,
}

/// Writes a header for recipients; `ephemeral` gives 32 secret bytes for each.
pub(super) fn for_recipients<'a>(
    file_key: &FileKey,
    recipients: impl Iterator<Item = &'a Recipient>,
    mut ephemeral: impl FnMut(&Recipient) -> [u8; 32],
) -> Result<Vec<u8>> {
    let stanzas = recipients.map(|to| Stanza::for_recipient(file_key, to, ephemeral(to)));
    write(file_key, &stanzas.collect::<Result<Vec<_>>>()?)
}

/// Writes a header for a passphrase.
pub(super) fn under(file_key: &FileKey, passphrase: &super::Passphrase, salt: [u8; 16]) -> Result<Vec<u8>> {
    write(file_key, &[Stanza::under(file_key, passphrase, salt)?])
}

fn write(file_key: &FileKey, stanzas: &[Stanza]) -> Result<Vec<u8>> {
    let mut text = format!("{VERSION}\n");
    for stanza in stanzas {
        text.push_str(&format!("-> {}\n", stanza.args.join(" ")));
        let body = BASE64_STANDARD_NO_PAD.encode(&stanza.body);
        let (full, rest) = body.split_at(body.len() / LINE * LINE);
        for start in (0..full.len()).step_by(LINE) {
            text.push_str(full.get(start..start + LINE).unwrap_or_default());
            text.push('\n');
        }
        text.push_str(rest);
        text.push('\n');
    }
    text.push_str(FOOTER);
    let mac = mac_of(file_key, text.as_bytes()).finalize().into_bytes();
    text.push_str(&format!(" {}\n", BASE64_STANDARD_NO_PAD.encode(mac)));
    match text.len() <= HEADER_LEN_MAX {
        true => Ok(text.into_bytes()),
        false => Err(Error::new(ErrorKind::LimitExceeded, "the header of an object would be too long")),
    }
}

fn mac_of(file_key: &FileKey, bytes: &[u8]) -> Hmac<Sha256> {
    // As long as a block of the hash: a shorter key is filled up with zeros anyway.
    let mut key = Key::<Hmac<Sha256>>::default();
    // 32 bytes are never too many for HKDF.
    let _ = Hkdf::<Sha256>::new(None, &file_key.0).expand(b"header", key.get_mut(..32).unwrap_or_default());
    let mut mac = <Hmac<Sha256> as KeyInit>::new(&key);
    mac.update(bytes);
    mac
}

impl Header {
    /// Reads the header that `bytes` start with; they may go on behind it. `Damaged` when there is none, or not all of it.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let bytes = bytes.get(..HEADER_LEN_MAX).unwrap_or(bytes);
        let mut lines = Lines { bytes, at: 0 };
        if lines.next()? != VERSION {
            return Err(Error::damaged("it does not begin as an age file does"));
        }
        let mut stanzas = Vec::new();
        loop {
            let line = lines.next()?;
            if let Some(mac) = line.strip_prefix("--- ") {
                let start = lines.at - line.len() - 1;
                let authenticated = bytes.get(..start + FOOTER.len()).unwrap_or_default().to_vec();
                let mac = decode(mac).ok_or_else(|| Error::damaged("its header ends without a checksum"))?;
                return match stanzas.is_empty() {
                    true => Err(Error::damaged("its header is for nobody")),
                    false => Ok(Self { stanzas, authenticated, mac, len: lines.at }),
                };
            }
            let args =
                line.strip_prefix("-> ").ok_or_else(|| Error::damaged("its header is no list of stanzas"))?;
            let args: Vec<String> = args.split(' ').map(str::to_owned).collect();
            if args.iter().any(String::is_empty) {
                return Err(Error::damaged("a stanza of its header has an empty argument"));
            }
            stanzas.push(Stanza { args, body: lines.body()? });
        }
    }

    /// Bytes of it.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Never true.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The file key. `Permission` when none of `keys` opens it; `Damaged` when one should and does not (it is one of `recipients`,
    /// which the object's record names), or when the header is not the one that was written.
    pub(super) fn open(&self, keys: &Keys, recipients: &[String]) -> Result<FileKey> {
        let key = self.unwrap(keys)?.ok_or_else(|| self.closed(keys, recipients))?;
        match mac_of(&key, &self.authenticated).verify_slice(&self.mac) {
            Ok(()) => Ok(key),
            Err(_) => Err(Error::damaged("its header is not the one that was written; verify this backup")),
        }
    }

    fn unwrap(&self, keys: &Keys) -> Result<Option<FileKey>> {
        if let [stanza] = self.stanzas.as_slice()
            && stanza.is_scrypt()
        {
            return match &keys.passphrase {
                Some(passphrase) => stanza.open_with(passphrase),
                None => Ok(None),
            };
        }
        if self.stanzas.iter().any(Stanza::is_scrypt) {
            return Err(Error::damaged("its header has a passphrase among recipients"));
        }
        for stanza in &self.stanzas {
            for identity in &keys.identities {
                if let Some(key) = stanza.open(identity)? {
                    return Ok(Some(key));
                }
            }
        }
        Ok(None)
    }

    fn closed(&self, keys: &Keys, recipients: &[String]) -> Error {
        let mut ours = keys.identities.iter().map(|identity| identity.recipient().to_string());
        if keys.is_empty() {
            return missing_key();
        }
        if ours.any(|ours| recipients.contains(&ours)) {
            return Error::damaged(
                "it was encrypted to the identity that is given, and that does not open it: its header was changed; verify this \
                 backup",
            );
        }
        wrong_key(recipients)
    }
}

/// Nothing is given to open with.
pub(crate) fn missing_key() -> Error {
    Error::invalid(
        "it is encrypted, and no key is given: pass --identity FILE (an age identity file), or --passphrase-file FILE if it was \
         made with a passphrase",
    )
}

/// What is given does not open it.
pub(crate) fn wrong_key(recipients: &[String]) -> Error {
    let to = match recipients {
        [] => "another recipient".to_owned(),
        recipients => recipients.join(", "),
    };
    Error::new(
        ErrorKind::Permission,
        format!("the key that is given is the wrong one: it is encrypted to {to}, whose identity is needed"),
    )
}

struct Lines<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Lines<'a> {
    fn next(&mut self) -> Result<&'a str> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let end = rest.iter().position(|byte| *byte == b'\n');
        let end = end.ok_or_else(|| Error::damaged("its header is cut, or too long"))?;
        let line = rest.get(..end).unwrap_or_default();
        self.at += end + 1;
        match line.iter().all(|byte| (0x20..0x7f).contains(byte)) {
            true => std::str::from_utf8(line).map_err(|_| Error::damaged("its header is no text")),
            false => Err(Error::damaged("its header is no text")),
        }
    }

    /// Full lines, and a last one that is not full.
    fn body(&mut self) -> Result<Vec<u8>> {
        let mut text = String::new();
        loop {
            let line = self.next()?;
            text.push_str(line);
            if line.len() < LINE {
                break;
            }
            if line.len() > LINE {
                return Err(Error::damaged("a line of its header is too long"));
            }
        }
        BASE64_STANDARD_NO_PAD
            .decode(&text)
            .map_err(|_| Error::damaged("a stanza of its header is no base64"))
    }
}
