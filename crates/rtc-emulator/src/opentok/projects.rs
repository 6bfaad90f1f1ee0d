//! Projects, managed with the account's key.

use serde_json::{Value, json};

use super::Call;
use super::reply::{Outcome, Refusal, done, missing, ok};
use super::state::Project;

fn told(key: &str, project: &Project) -> Value {
    json!({
        "id": key, "secret": project.secret, "status": project.status, "name": project.name,
        "createdAt": project.created_at, "environmentName": "default",
        "environmentDescription": "Standard Environment",
    })
}

/// The project that the path names; an application is none.
fn named<'a>(call: &'a mut Call<'_, '_>) -> Result<(String, &'a mut Project), Refusal> {
    let key = call.param("project_key");
    let project = call.world.state.projects.get_mut(&key).filter(|project| !project.application);
    match project {
        Some(project) => Ok((key, project)),
        None => Err(missing("project", &key)),
    }
}

pub(super) fn create_project(call: &mut Call<'_, '_>) -> Outcome {
    let (key, secret) = (call.world.shared.ids.digits(8), call.world.shared.ids.hex(40));
    let project = Project {
        secret,
        name: call.text("name").to_owned(),
        status: "ACTIVE".to_owned(),
        created_at: call.world.now,
        ..Project::default()
    };
    let answer = told(&key, &project);
    call.world.state.projects.insert(key, project);
    ok(answer)
}

pub(super) fn list_projects(call: &mut Call<'_, '_>) -> Outcome {
    let projects = call.world.state.projects.iter().filter(|(_, project)| !project.application);
    ok(projects.map(|(key, project)| told(key, project)).collect())
}

pub(super) fn get_project(call: &mut Call<'_, '_>) -> Outcome {
    let (key, project) = named(call)?;
    ok(told(&key, project))
}

pub(super) fn set_project_status(call: &mut Call<'_, '_>) -> Outcome {
    let status = call.text("status").to_owned();
    let (key, project) = named(call)?;
    project.status = status;
    ok(told(&key, project))
}

pub(super) fn refresh_project_secret(call: &mut Call<'_, '_>) -> Outcome {
    let secret = call.world.shared.ids.hex(40);
    let (key, project) = named(call)?;
    project.secret = secret;
    ok(told(&key, project))
}

pub(super) fn delete_project(call: &mut Call<'_, '_>) -> Outcome {
    let (key, _) = named(call)?;
    call.world.state.projects.remove(&key);
    done()
}
