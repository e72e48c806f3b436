//! Stanzas: a file key, wrapped for one recipient or under one passphrase.
use super::keys::{Identity, Passphrase, Recipient};
use crate::error::{Error, Result};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD_NO_PAD;
use chacha20poly1305::aead::{AeadInPlace, KeyInit};
use chacha20poly1305::{ChaCha20Poly1305, Key, Nonce, Tag};
use chronicle_core::crypt::{FILE_KEY_LEN, FileKey};
use hkdf::Hkdf;
use sha2::Sha256;
use x25519_dalek::{PublicKey, StaticSecret};

const X25519: &str = "X25519";
const SCRYPT: &str = "scrypt";
const X25519_INFO: &[u8] = b"age-encryption.org/v1/X25519";
const SCRYPT_SALT: &[u8] = b"age-encryption.org/v1/scrypt";
const SALT_LEN: usize = 16;
/// What a new passphrase costs: 2^18 blocks of 1 KiB, as the `age` program takes it; a second or so.
const LOG_N: u8 = 18;
/// What reading may cost at most: a stranger's file must not take hours or gigabytes.
const LOG_N_MAX: u8 = 20;
const WRAPPED_LEN: usize = FILE_KEY_LEN + 16;

/// Its arguments, the first of which is its type, and its body.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Stanza {
    pub(super) args: Vec<String>,
    pub(super) body: Vec<u8>,
}

impl Stanza {
    /// For a recipient. `ephemeral` is 32 secret bytes that are used for nothing else.
    pub(super) fn for_recipient(
        file_key: &FileKey,
        recipient: &Recipient,
        ephemeral: [u8; 32],
    ) -> Result<Self> {
        let secret = StaticSecret::from(ephemeral);
        let share = PublicKey::from(&secret);
        let key = x25519_key(&secret, &PublicKey::from(recipient.0), share.as_bytes(), &recipient.0);
        let key =
            key.ok_or_else(|| Error::invalid(format!("{recipient} is no usable key: make another one")))?;
        Ok(Self {
            args: vec![X25519.into(), BASE64_STANDARD_NO_PAD.encode(share.as_bytes())],
            body: wrap(&key, file_key),
        })
    }

    /// Under a passphrase.
    pub(super) fn under(file_key: &FileKey, passphrase: &Passphrase, salt: [u8; SALT_LEN]) -> Result<Self> {
        let key = scrypt_key(passphrase, &salt, LOG_N)?;
        let args = vec![SCRYPT.into(), BASE64_STANDARD_NO_PAD.encode(salt), LOG_N.to_string()];
        Ok(Self { args, body: wrap(&key, file_key) })
    }

    pub(super) fn is_scrypt(&self) -> bool {
        self.args.first().is_some_and(|kind| kind == SCRYPT)
    }

    pub(super) fn is_x25519(&self) -> bool {
        self.args.first().is_some_and(|kind| kind == X25519)
    }

    /// The file key, if it was wrapped for this identity. `Damaged` for a stanza that can't be.
    pub(super) fn open(&self, identity: &Identity) -> Result<Option<FileKey>> {
        if !self.is_x25519() {
            return Ok(None);
        }
        let share: [u8; 32] = match self.args.as_slice() {
            [_, share] if self.body.len() == WRAPPED_LEN => decode(share),
            _ => None,
        }
        .ok_or_else(|| Error::damaged("a stanza of type X25519 has another form"))?;
        let recipient = identity.recipient();
        let key = x25519_key(&identity.0, &PublicKey::from(share), &share, &recipient.0);
        Ok(unwrap(&key.ok_or_else(|| Error::damaged("a stanza has a share that no key gives"))?, &self.body))
    }

    /// The same, under a passphrase.
    pub(super) fn open_with(&self, passphrase: &Passphrase) -> Result<Option<FileKey>> {
        let form = match self.args.as_slice() {
            [kind, salt, log_n] if kind == SCRYPT && self.body.len() == WRAPPED_LEN => {
                let cost = log_n.parse::<u8>().ok().filter(|cost| *cost > 0 && cost.to_string() == *log_n);
                decode::<SALT_LEN>(salt).zip(cost)
            }
            _ => None,
        };
        let (salt, log_n) = form.ok_or_else(|| Error::damaged("a stanza of type scrypt has another form"))?;
        if log_n > LOG_N_MAX {
            return Err(Error::unsupported(format!(
                "the passphrase costs 2^{log_n}, more than the 2^{LOG_N_MAX} that this build spends; open it with `age -d`"
            )));
        }
        Ok(unwrap(&scrypt_key(passphrase, &salt, log_n)?, &self.body))
    }
}

pub(super) fn decode<const N: usize>(text: &str) -> Option<[u8; N]> {
    BASE64_STANDARD_NO_PAD.decode(text).ok()?.try_into().ok()
}

/// `None` for a shared secret of zeros, which tells nothing of the secret key.
fn x25519_key(
    secret: &StaticSecret,
    public: &PublicKey,
    share: &[u8; 32],
    recipient: &[u8; 32],
) -> Option<Key> {
    let shared = secret.diffie_hellman(public);
    let salt = [*share, *recipient].concat();
    let mut key = Key::default();
    Hkdf::<Sha256>::new(Some(&salt), shared.as_bytes()).expand(X25519_INFO, &mut key).ok()?;
    shared.was_contributory().then_some(key)
}

fn scrypt_key(passphrase: &Passphrase, salt: &[u8; SALT_LEN], log_n: u8) -> Result<Key> {
    let impossible = |_| Error::damaged(format!("a passphrase can't cost 2^{log_n}"));
    let params = scrypt::Params::new(log_n, 8, 1, 32).map_err(impossible)?;
    let mut key = Key::default();
    let salt = [SCRYPT_SALT, salt].concat();
    scrypt::scrypt(passphrase.0.as_bytes(), &salt, &params, &mut key)
        .map_err(|_| Error::damaged("a key of this length can't be derived"))?;
    Ok(key)
}

/// Each wrapping key is used once, so its nonce is zero.
fn wrap(key: &Key, file_key: &FileKey) -> Vec<u8> {
    let mut body = file_key.0.to_vec();
    let tag = ChaCha20Poly1305::new(key).encrypt_in_place_detached(&Nonce::default(), b"", &mut body);
    body.extend(tag.unwrap_or_default());
    body
}

fn unwrap(key: &Key, body: &[u8]) -> Option<FileKey> {
    let (wrapped, tag) = body.split_at_checked(FILE_KEY_LEN)?;
    let mut file_key: [u8; FILE_KEY_LEN] = wrapped.try_into().ok()?;
    let opened = ChaCha20Poly1305::new(key).decrypt_in_place_detached(
        &Nonce::default(),
        b"",
        &mut file_key,
        Tag::from_slice(tag),
    );
    opened.ok().map(|()| FileKey(file_key))
}
