// The scene of the README's story: the emulated service, and the guest, whose client would be a page of the vendor's.

use mediasfu::meeting::{Meeting, MeetingEvent, MeetingEvents};
use mediasfu::{Client, ConnectMeeting, Credentials, Room, ServerKind};
use rtc_emulator::Emulator;
use serde_json::{Value, json};

pub struct Scene {
    pub emulator: Emulator,
}

impl Scene {
    pub async fn start() -> Self {
        Self { emulator: Emulator::start().await.unwrap() }
    }

    pub fn client(&self) -> Client {
        let access = self.emulator.mediasfu();
        let credentials = Credentials::new(access.api_user_name(), access.api_key());
        Client::builder(credentials).endpoint(access.url()).server(ServerKind::Cloud).build().unwrap()
    }
}

pub struct Guest {
    meeting: Meeting,
    events: MeetingEvents,
    join: Value,
}

/// The guest is told to wait.
pub async fn knock(client: &Client, room: &Room) -> Guest {
    let (meeting, events) = client.connect_meeting(ConnectMeeting::to(room)).await.unwrap();
    let join = json!({
        "roomName": room.room_name, "islevel": "0", "member": "guest1", "sec": room.secret.expose(),
        "apiUserName": room.room_name,
    });
    let answer = meeting.emit_with_ack("joinRoom", &join).await.unwrap();
    assert_eq!(answer["success"], false, "{answer}");
    Guest { meeting, events, join }
}

/// The guest was let in, and comes.
pub async fn come_in(mut guest: Guest) {
    loop {
        match guest.events.next().await {
            Some(MeetingEvent::WaitRoomAnswer(answer)) => break assert_eq!(answer.admitted, Some(true)),
            Some(_) => {}
            None => panic!("the guest was never told"),
        }
    }
    let answer = guest.meeting.emit_with_ack("joinRoom", &guest.join).await.unwrap();
    assert_eq!(answer["success"], true, "{answer}");
}
