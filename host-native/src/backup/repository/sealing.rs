//! Sealing: how the objects of one job are encrypted, and what the records say of them.
use super::objects::Objects;
use crate::crypt::{
    EncryptTo, EncryptedBody, Identity, Keys, Passphrase, Recipient, Secret, decrypt, encrypt,
};
use crate::destination::{Body, Bytes};
use crate::error::{At, Error, ErrorKind, Result};
use chronicle_core::backup::repository::{
    Encryption, EntryKind, EntryRecord, JobId, ListPageRef, NewPage, ObjectFile, PointRecord,
};
use chronicle_core::ids::Hash;
use std::collections::BTreeSet;

/// The identity that a passphrase opens.
pub(super) const KEY_NAME: &str = "key.age";
/// Most bytes of it.
pub(super) const KEY_LEN_MAX: usize = 8_192;

/// To whom a job encrypts.
#[derive(Clone)]
pub(super) struct Sealing {
    recipients: BTreeSet<Recipient>,
    /// BLAKE3 of `key.age`, where there is one.
    key: Option<Hash>,
    pub(super) secret: Secret,
    /// The newest point is encrypted to others.
    pub(super) is_change: bool,
}

impl Sealing {
    /// Finds out to whom, and refuses what the repository is not: promise 15. `None` where nothing is encrypted. Writes `key.age` of a
    /// new repository, unless it is only a look.
    pub(super) fn prepare(
        objects: &mut Objects,
        to: Option<&EncryptTo>,
        change: bool,
        job: Option<JobId>,
    ) -> Result<Option<Self>> {
        let is_there = objects.is_there()?;
        let (true, Some(to)) = (objects.is_encrypted(), to) else {
            return match (objects.is_encrypted(), to) {
                (false, None) => Ok(None),
                (true, _) => Err(Error::invalid(format!(
                    "the repository is encrypted{}, and this backup would not be: say to whom, with --encrypt-to or \
                     --passphrase-file",
                    Self::of_newest(objects)?.map_or_else(String::new, |part| format!(" to {}", part.recipients.join(", ")))
                ))
                .at(objects.place())),
                (false, Some(_)) => Err(Error::invalid(
                    "the repository is not encrypted, and a backup that is could not be added to it: choose another destination",
                )
                .at(objects.place())),
            };
        };
        let (recipients, key) = match to {
            EncryptTo::Recipients(recipients) => (recipients.clone(), None),
            EncryptTo::Passphrase(passphrase) => {
                let (identity, key) = Self::identity(objects, passphrase, is_there, job)?;
                let recipient = identity.recipient();
                objects.add_identity(identity);
                (BTreeSet::from([recipient]), key)
            }
        };
        let mut sealing = Self { recipients, key, secret: Secret::random()?, is_change: false };
        if let Some(part) = Self::of_newest(objects)?
            && part.recipients != sealing.texts()
        {
            sealing.is_change = true;
            if change {
                return Ok(Some(sealing));
            }
            return Err(Error::invalid(format!(
                "the newest point is encrypted to {}, and this one would be to {}: give the same ones, or --change-recipients to \
                 encrypt to others from here on, beginning with a new base (older points stay as they are)",
                part.recipients.join(", "),
                sealing.texts().join(", ")
            ))
            .at(objects.place()));
        }
        Ok(Some(sealing))
    }

    /// As the newest point is encrypted, under keys of its own; `None` where nothing is.
    pub(super) fn as_newest(objects: &Objects) -> Result<Option<Self>> {
        if !objects.is_encrypted() {
            return Ok(None);
        }
        let part = Self::of_newest(objects)?.ok_or_else(|| {
            Error::damaged("no point says to whom the repository is encrypted").at(objects.place())
        })?;
        let recipients = part.recipients.iter().map(|text| text.parse());
        let recipients = recipients.collect::<Result<_>>().at(|| objects.place())?;
        Ok(Some(Self { recipients, key: part.key, secret: Secret::random()?, is_change: false }))
    }

    fn texts(&self) -> Vec<String> {
        let mut texts: Vec<String> = self.recipients.iter().map(ToString::to_string).collect();
        texts.sort_unstable();
        texts
    }

    /// The identity under the passphrase: that of the repository, or a new one.
    fn identity(
        objects: &Objects,
        passphrase: &Passphrase,
        is_there: bool,
        job: Option<JobId>,
    ) -> Result<(Identity, Option<Hash>)> {
        if let Some(found) = read_key(objects, passphrase)? {
            return Ok(found);
        }
        if is_there && Self::of_newest(objects)?.is_some_and(|part| part.key.is_none()) {
            return Err(Error::invalid("the repository was not made with a passphrase: say --encrypt-to")
                .at(objects.place()));
        }
        let identity = Identity::random()?;
        let Some(job) = job else { return Ok((identity, None)) };
        let text = format!("# recipient: {}\n{}\n", identity.recipient(), identity.to_secret_text());
        objects.create(KEY_NAME, &encrypt(passphrase, text.as_bytes())?, job)?;
        // Whoever was first: that key counts.
        read_key(objects, passphrase)?.ok_or_else(|| {
            Error::damaged("it was written, and is not there").at(KEY_NAME).at(objects.place())
        })
    }

    /// What the newest point says of its encryption.
    pub(super) fn of_newest(objects: &Objects) -> Result<Option<Encryption>> {
        let Some(newest) = objects.newest()? else { return Ok(None) };
        for number in (0..=newest).rev() {
            let Some(claim) = objects.claim(number)? else { continue };
            if !claim.entry.kind.is_point() {
                continue;
            }
            if let Some(Ok(EntryRecord::Point(point))) = objects.record(claim.entry)? {
                return Ok(point.encryption);
            }
        }
        Ok(None)
    }

    /// The age file of an object.
    pub(super) fn body<'a>(
        &self,
        name: &dyn std::fmt::Display,
        body: &'a dyn Body,
        blake3: Hash,
    ) -> Result<EncryptedBody<'a>> {
        EncryptedBody::new(&self.secret, &self.recipients, name, &blake3, body)
    }

    /// The bytes of an age file.
    pub(super) fn bytes(&self, name: &dyn std::fmt::Display, plain: &[u8]) -> Result<Vec<u8>> {
        let plain_body = Bytes(plain);
        let body = self.body(name, &plain_body, Hash::of(plain))?;
        let mut bytes = vec![0; usize::try_from(body.len()).unwrap_or(usize::MAX)];
        body.read_exact_at(0, &mut bytes)?;
        Ok(bytes)
    }

    /// A page as it is stored, named after what is stored.
    pub(super) fn page(&self, page: &NewPage) -> Result<NewPage> {
        let bytes = self.bytes(&page.name, &page.bytes)?;
        let name = page.name.entry.object(ObjectFile::Page(Hash::of(&bytes)));
        Ok(NewPage { name, bytes })
    }

    /// Puts the encrypted part into a record.
    pub(super) fn seal(&self, record: &mut PointRecord) -> Result<()> {
        let name = format!("{}#inner", record.entry.record());
        let inner = self.bytes(&name, &record.inner()?)?;
        record.encryption =
            Some(Encryption { recipients: self.texts(), key: self.key, inner, is_withheld: false });
        Ok(())
    }
}

/// The identity in `key.age`, and the BLAKE3 of that; `None` when there is none.
pub(super) fn read_key(
    objects: &Objects,
    passphrase: &Passphrase,
) -> Result<Option<(Identity, Option<Hash>)>> {
    let Some(bytes) = objects.get(KEY_NAME, KEY_LEN_MAX)? else { return Ok(None) };
    let keys = Keys::none().passphrase(passphrase.clone());
    let place = || format!("{}: {KEY_NAME}", objects.place());
    let plain = match decrypt(&bytes, &keys, &[]) {
        Ok(plain) => plain,
        Err(error) if error.kind() == ErrorKind::Permission => {
            let told = Sealing::of_newest(objects)?.and_then(|part| part.key);
            return Err(match told.is_some_and(|told| told != Hash::of(&bytes)) {
                true => Error::damaged("it is not the one that the records name: put it back from a copy"),
                false => Error::new(ErrorKind::Permission, "the passphrase is the wrong one"),
            }
            .at(place()));
        }
        Err(error) => return Err(error.at(place())),
    };
    let text = String::from_utf8(plain).map_err(|_| Error::damaged("it holds no identity")).at(place)?;
    let identity = Identity::parse_file(&text).at(place)?.into_iter().next();
    Ok(identity.map(|identity| (identity, Some(Hash::of(&bytes)))))
}

/// Whether a page lies encrypted in an encrypted repository.
pub(super) fn is_sealed(page: &ListPageRef) -> bool {
    page.home.kind != EntryKind::Prune
}
