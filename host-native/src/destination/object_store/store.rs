//! The stores: which there are, and how each is reached. Credentials, endpoints and regions come from the usual environment
//! variables (`AWS_*`, `GOOGLE_*`, `AZURE_*`), or from [`S3Config`]. None of them is ever printed.
use super::base64::base64;
use super::config::S3Config;
use super::runtime::prepare;
use super::wire::Wire;
use crate::error::{Error, Result};
use http::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey, Checksum};
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::http::HttpBuilder;
use object_store::list::PaginatedListStore;
use object_store::multipart::MultipartStore;
use object_store::{ClientOptions, ObjectStore, RetryConfig};
use std::sync::Arc;
use std::time::Duration;
use url::Url;

const CONNECT_TIME_MAX: Duration = Duration::from_secs(5);
/// How long nothing may come.
const SILENCE_TIME_MAX: Duration = Duration::from_secs(60);
/// How long one request may take, of which the longest moves one part.
const REQUEST_TIME_MAX: Duration = Duration::from_secs(600);

/// A store that is set up. Nothing was asked of it yet.
pub(super) struct Store {
    pub(super) objects: Arc<dyn ObjectStore>,
    /// Large objects in parts, where it has that.
    pub(super) uploads: Option<Arc<dyn MultipartStore>>,
    /// Listings by the page, where it has that.
    pub(super) pages: Option<Arc<dyn PaginatedListStore>>,
    /// Without secrets.
    pub(super) place: String,
    /// What all names begin with; empty, or without a slash at its ends.
    pub(super) root: String,
    /// Of several creators at once one wins.
    pub(super) create_only: bool,
}

/// Retries are ours: see [`patience`](super::patience).
fn no_retries() -> RetryConfig {
    RetryConfig { max_retries: 0, retry_timeout: Duration::ZERO, ..RetryConfig::default() }
}

fn client() -> ClientOptions {
    ClientOptions::new()
        .with_connect_timeout(CONNECT_TIME_MAX)
        .with_read_timeout(SILENCE_TIME_MAX)
        .with_timeout(REQUEST_TIME_MAX)
}

/// A URL of a store: what it names, and a prefix.
fn named(rest: &str, what: &str) -> Result<(String, String)> {
    let (name, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    let wrong = |message: String| Err(Error::invalid(message));
    if name.is_empty() || name.contains(['@', ':', '?', '#', '\\']) {
        return wrong(format!("a name of a {what} must follow the ://, and nothing else: {what}/prefix"));
    }
    if prefix.contains(['?', '#']) {
        return wrong("a prefix has no ? and no #".to_owned());
    }
    Ok((name.to_owned(), prefix.trim_matches('/').to_owned()))
}

fn place(scheme: &str, name: &str, root: &str) -> String {
    if root.is_empty() { format!("{scheme}://{name}") } else { format!("{scheme}://{name}/{root}") }
}

/// Why a store can't be set up; never with a value of a setting.
fn settings_error(error: &object_store::Error) -> Error {
    let text = error.to_string();
    let text = text.rsplit("error: ").next().unwrap_or_default();
    Error::invalid(format!(
        "the settings of this store are not complete or not right: {}",
        super::wire::shown(text)
    ))
}

impl Store {
    /// `s3://bucket/prefix`, everything else from the environment.
    pub(super) fn s3(rest: &str) -> Result<Self> {
        let (bucket, prefix) = named(rest, "bucket")?;
        Self::s3_of(&S3Config { bucket, prefix, ..S3Config::default() })
    }

    /// What a configuration says; what it does not say comes from the environment.
    pub(super) fn s3_of(config: &S3Config) -> Result<Self> {
        prepare()?;
        let (bucket, _) = named(&config.bucket, "bucket")?;
        let root = config.prefix.trim_matches('/').to_owned();
        let mut builder = AmazonS3Builder::from_env();
        let http = |value: &str| value.starts_with("http://");
        if let Some(endpoint) = &config.endpoint {
            // The one in the environment that would win.
            builder = builder.with_config(AmazonS3ConfigKey::S3Endpoint, endpoint);
        }
        let plain = [AmazonS3ConfigKey::S3Endpoint, AmazonS3ConfigKey::Endpoint]
            .iter()
            .find_map(|key| builder.get_config_value(key))
            .is_some_and(|endpoint| http(&endpoint));
        if let Some(region) = &config.region {
            builder = builder.with_region(region);
        }
        if let Some(path_style) = config.path_style {
            builder = builder.with_virtual_hosted_style_request(!path_style);
        }
        if let Some(key) = &config.access_key_id {
            builder = builder.with_access_key_id(key);
        }
        if let Some(secret) = &config.secret_access_key {
            builder = builder.with_secret_access_key(secret.expose());
        }
        if let Some(token) = &config.session_token {
            builder = builder.with_token(token.expose());
        }
        let store = builder
            .with_bucket_name(&bucket)
            // One DELETE an object is what every server knows.
            .with_disable_bulk_delete(true)
            .with_checksum_algorithm(Checksum::SHA256)
            .with_retry(no_retries())
            .with_client_options(client().with_allow_http(plain))
            .with_http_connector(Wire)
            .build()
            .map_err(|error| settings_error(&error))?;
        let store = Arc::new(store);
        Ok(Self {
            place: place("s3", &bucket, &root),
            root,
            objects: store.clone(),
            uploads: Some(store.clone()),
            pages: Some(store),
            create_only: true,
        })
    }

    /// `gs://bucket/prefix`.
    pub(super) fn gcs(rest: &str) -> Result<Self> {
        prepare()?;
        let (bucket, root) = named(rest, "bucket")?;
        let builder = GoogleCloudStorageBuilder::from_env();
        let plain = builder
            .get_config_value(&object_store::gcp::GoogleConfigKey::BaseUrl)
            .is_some_and(|url| url.starts_with("http://"));
        let store = builder
            .with_bucket_name(&bucket)
            .with_retry(no_retries())
            .with_client_options(client().with_allow_http(plain))
            .with_http_connector(Wire)
            .build()
            .map_err(|error| settings_error(&error))?;
        let store = Arc::new(store);
        Ok(Self {
            place: place("gs", &bucket, &root),
            root,
            objects: store.clone(),
            uploads: Some(store.clone()),
            pages: Some(store),
            create_only: true,
        })
    }

    /// `az://container/prefix`; the account from the environment.
    pub(super) fn azure(rest: &str) -> Result<Self> {
        prepare()?;
        let (container, root) = named(rest, "container")?;
        let builder = MicrosoftAzureBuilder::from_env();
        let plain =
            [object_store::azure::AzureConfigKey::Endpoint, object_store::azure::AzureConfigKey::UseEmulator]
                .iter()
                .find_map(|key| builder.get_config_value(key))
                .is_some_and(|value| value.starts_with("http://") || value == "true");
        let store = builder
            .with_container_name(&container)
            .with_retry(no_retries())
            .with_client_options(client().with_allow_http(plain))
            .with_http_connector(Wire)
            .build()
            .map_err(|error| settings_error(&error))?;
        let store = Arc::new(store);
        Ok(Self {
            place: place("az", &container, &root),
            root,
            objects: store.clone(),
            uploads: Some(store.clone()),
            pages: Some(store),
            create_only: true,
        })
    }

    /// `http(s)://[user:password@]host/path` of a WebDAV server.
    pub(super) fn webdav(url: &str) -> Result<Self> {
        prepare()?;
        let wrong = || Error::invalid("this is no URL of a WebDAV server: write http(s)://host/path");
        let url = Url::parse(url).map_err(|_| wrong())?;
        if url.query().is_some() || url.fragment().is_some() || url.host_str().is_none() {
            return Err(wrong());
        }
        let decoded = |text: &str| {
            let bytes = super::super::url::percent_decoded(text).ok_or_else(wrong)?;
            String::from_utf8(bytes).map_err(|_| wrong())
        };
        let root = decoded(url.path().trim_matches('/'))?;
        let mut options = client().with_allow_http(url.scheme() == "http");
        if !url.username().is_empty() {
            let pair =
                format!("{}:{}", decoded(url.username())?, decoded(url.password().unwrap_or_default())?);
            let value = format!("Basic {}", base64(pair.as_bytes()));
            let mut value = HeaderValue::from_str(&value).map_err(|_| wrong())?;
            value.set_sensitive(true);
            options = options.with_default_headers(HeaderMap::from_iter([(AUTHORIZATION, value)]));
        }
        let mut server = url.clone();
        // Listings come with whole paths, so that the server's root is where names begin.
        server.set_path("/");
        let (_, _) = (server.set_username(""), server.set_password(None));
        let store = HttpBuilder::new()
            .with_url(server.as_str())
            .with_retry(no_retries())
            .with_client_options(options)
            .with_http_connector(Wire)
            .build()
            .map_err(|error| settings_error(&error))?;
        let at = server.as_str().trim_end_matches('/');
        Ok(Self {
            place: if root.is_empty() { at.to_owned() } else { format!("{at}/{root}") },
            root,
            objects: Arc::new(store),
            uploads: None,
            pages: None,
            create_only: false,
        })
    }
}
