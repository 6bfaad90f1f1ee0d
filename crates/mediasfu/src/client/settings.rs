//! The account's settings for events, and its telephone numbers.

use super::Client;
use crate::operation::{Call, CreateEventSettings, GetEventSettings, ListSipConfigs, UpdateEventSettings};

impl Client {
    /// Gives the account's settings for events.
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, room| {
    /// use mediasfu::{CreateEventSettings, EventType, GetEventSettings};
    ///
    /// client.create_event_settings(CreateEventSettings::new().event_type(EventType::Webinar)).await?;
    /// let settings = client.get_event_settings(GetEventSettings::new()).await?.events_settings;
    /// assert_eq!(settings.event_type, Some(EventType::Webinar));
    /// # Ok(()) });
    /// ```
    pub fn get_event_settings(&self, request: GetEventSettings) -> Call<GetEventSettings> {
        self.caller.call(request)
    }

    /// Sets the account's settings for events for the first time.
    ///
    /// What the service answers is not documented: see [`Raw`](crate::Raw).
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, room| {
    /// use mediasfu::{CreateEventSettings, EventType, Permission};
    ///
    /// let settings = CreateEventSettings::new().event_type(EventType::Conference).audio_setting(Permission::Approval);
    /// client.create_event_settings(settings).await?;
    /// # Ok(()) });
    /// ```
    pub fn create_event_settings(&self, request: CreateEventSettings) -> Call<CreateEventSettings> {
        self.caller.call(request)
    }

    /// Changes the account's settings for events; what is not given stays. The vendor's own page does so at most once a
    /// minute.
    ///
    /// What the service answers is not documented: see [`Raw`](crate::Raw).
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, room| {
    /// use mediasfu::{CreateEventSettings, GetEventSettings, UpdateEventSettings};
    ///
    /// client.create_event_settings(CreateEventSettings::new().item_page_limit(12)).await?;
    /// client.update_event_settings(UpdateEventSettings::new().enable_ai_notes(true)).await?;
    /// let settings = client.get_event_settings(GetEventSettings::new()).await?.events_settings;
    /// assert_eq!((settings.item_page_limit, settings.enable_ai_notes), (Some(12), Some(true)));
    /// # Ok(()) });
    /// ```
    pub fn update_event_settings(&self, request: UpdateEventSettings) -> Call<UpdateEventSettings> {
        self.caller.call(request)
    }

    /// Lists the account's telephone numbers. `.items()` reads page after page.
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, room| {
    /// use mediasfu::ListSipConfigs;
    ///
    /// let mut numbers = client.list_sip_configs(ListSipConfigs::new().page_size(20)).items();
    /// while let Some(number) = numbers.next().await {
    ///     let number = number?;
    ///     println!("{:?} from {:?}", number.contact_number, number.ip_allow_list);
    /// }
    /// # Ok(()) });
    /// ```
    pub fn list_sip_configs(&self, request: ListSipConfigs) -> Call<ListSipConfigs> {
        self.caller.call(request)
    }
}
