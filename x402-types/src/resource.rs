use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

/// What is for sale.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ResourceInfo {
    /// The address that was asked for.
    #[cfg_attr(feature = "schema", schemars(length(min = 1)))]
    pub url: String,
    /// What it is, for people and agents. Untrusted text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The media type of a successful answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mime_type: Option<String>,
    /// Who sells it: 1 to 32 printable ASCII characters. Others are dropped on reading.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "service_name")]
    #[cfg_attr(feature = "schema", schemars(regex(pattern = "^[ -~]{1,32}$")))]
    pub service_name: Option<String>,
    /// At most 5 words of at most 32 characters. Others are dropped on reading.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "tags")]
    #[cfg_attr(feature = "schema", schemars(length(max = 5), inner(length(max = 32))))]
    pub tags: Option<Vec<String>>,
    /// An http or https address of at most 2048 characters. Others are dropped on reading.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "icon_url")]
    #[cfg_attr(feature = "schema", schemars(length(max = 2048), regex(pattern = "^https?://")))]
    pub icon_url: Option<String>,
}

impl ResourceInfo {
    /// A resource of which only the address is told.
    pub fn new(url: impl Into<String>) -> Self {
        Self { url: url.into(), ..Self::default() }
    }
}

/// Reads a field of which the specification says that an unsound value is dropped, not fatal.
fn dropped_unless<'de, D, T>(deserializer: D, sound: fn(&T) -> bool) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: serde::de::DeserializeOwned,
{
    let raw = Option::<Box<RawValue>>::deserialize(deserializer)?;
    Ok(raw.and_then(|raw| serde_json::from_str(raw.get()).ok()).filter(sound))
}

fn service_name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    dropped_unless(deserializer, |name: &String| {
        (1..=32).contains(&name.len()) && name.bytes().all(|b| (b' '..=b'~').contains(&b))
    })
}

fn tags<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<String>>, D::Error> {
    dropped_unless(deserializer, |tags: &Vec<String>| {
        tags.len() <= 5 && tags.iter().all(|tag| tag.chars().count() <= 32)
    })
}

fn icon_url<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    dropped_unless(deserializer, |url: &String| {
        url.chars().count() <= 2048 && (url.starts_with("https://") || url.starts_with("http://"))
    })
}
