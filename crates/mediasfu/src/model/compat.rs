//! What the official Flutter SDK sends beyond what it was told.

use crate::operation::{BufferType, CreateRoom, SafeRoomAction, SipDirection};

impl CreateRoom {
    /// Gives every value that is not set the one that the official Flutter SDK sends for it. A service that keeps
    /// settings for the account then takes these instead; without this method what is not set is not sent.
    ///
    /// ```
    /// use mediasfu::{CreateRoom, SafeRoomAction};
    ///
    /// let request = CreateRoom::new("hostUser", 60, 10).support_sip(true).with_sdk_defaults();
    /// assert_eq!((request.support_sip, request.safe_room_action), (Some(true), Some(SafeRoomAction::Kick)));
    /// ```
    #[must_use]
    pub fn with_sdk_defaults(mut self) -> Self {
        for flag in [
            &mut self.record_only,
            &mut self.safe_room,
            &mut self.auto_start_safe_room,
            &mut self.data_buffer,
            &mut self.support_sip,
            &mut self.prefer_pcma,
            &mut self.support_translation,
            &mut self.support_flex_room,
            &mut self.support_max_room,
        ] {
            flag.get_or_insert(false);
        }
        self.safe_room_action.get_or_insert(SafeRoomAction::Kick);
        self.buffer_type.get_or_insert(BufferType::All);
        self.direction_sip.get_or_insert(SipDirection::Both);
        self.translation_config_nick_name.get_or_insert_default();
        self
    }
}
