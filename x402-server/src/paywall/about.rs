use x402_types::{RawObject, ResourceInfo};

use super::{Listing, Mistake};

/// What is said of what is sold, besides what it costs.
#[derive(Clone, Debug, Default)]
pub(super) struct About {
    pub(super) resource: ResourceInfo,
    /// The method and the path's pattern.
    pub(super) route: Option<String>,
    pub(super) listing: Option<Box<Listing>>,
}

impl About {
    /// The same, with what another says where this says nothing.
    pub(super) fn or(self, other: &Self) -> Self {
        let Self { resource, route, listing } = self;
        let resource = ResourceInfo {
            url: resource.url,
            description: resource.description.or_else(|| other.resource.description.clone()),
            mime_type: resource.mime_type.or_else(|| other.resource.mime_type.clone()),
            service_name: resource.service_name.or_else(|| other.resource.service_name.clone()),
            tags: resource.tags.or_else(|| other.resource.tags.clone()),
            icon_url: resource.icon_url.or_else(|| other.resource.icon_url.clone()),
        };
        let route = route.or_else(|| other.route.clone());
        Self { resource, route, listing: listing.or_else(|| other.listing.clone()) }
    }

    /// What catalogues are told, by method, and what is wrong with all of this.
    pub(super) fn check(&self, mistakes: &mut Vec<Mistake>) -> Vec<(&'static str, RawObject)> {
        self.check_resource(mistakes);
        let path = self.route.as_deref().and_then(|route| {
            let path = path_of(route);
            if path.is_none() {
                mistakes.push(Mistake::Route(route.to_owned()));
            }
            path
        });
        let listed = self.listing.as_ref().map_or(Ok(Vec::new()), |it| it.by_method(path));
        listed.unwrap_or_else(|error| {
            mistakes.push(Mistake::Listing(error));
            Vec::new()
        })
    }

    /// What payers would drop on reading is not told to them.
    fn check_resource(&self, mistakes: &mut Vec<Mistake>) {
        let told = ResourceInfo { url: "/".to_owned(), ..self.resource.clone() };
        let read = RawObject::new(&told).and_then(|json| json.parse::<ResourceInfo>());
        let read = match read {
            Ok(read) => read,
            Err(error) => return mistakes.push(Mistake::Encoding(error)),
        };
        if told.tags != read.tags {
            mistakes.push(Mistake::Tags(told.tags.unwrap_or_default().join(", ")));
        }
        if told.service_name != read.service_name {
            mistakes.push(Mistake::ServiceName(told.service_name.unwrap_or_default()));
        }
        if told.icon_url != read.icon_url {
            mistakes.push(Mistake::IconUrl(told.icon_url.unwrap_or_default()));
        }
    }
}

/// The path of a route such as `GET /weather/{city}`.
fn path_of(route: &str) -> Option<&str> {
    let (method, path) = route.split_once(' ')?;
    let sound = !method.is_empty()
        && method.bytes().all(|b| b.is_ascii_uppercase())
        && path.starts_with('/')
        && path.bytes().all(|b| b.is_ascii_graphic());
    sound.then_some(path)
}
