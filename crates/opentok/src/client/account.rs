//! What belongs to the project and the account: webhooks, projects.

use super::Client;
use crate::operation::{
    Call, CreateProject, DeleteProject, GetProject, ListCallbacks, ListProjects, RefreshProjectSecret,
    RegisterCallback, SetProjectStatus, UnregisterCallback,
};

impl Client {
    /// Registers a webhook. Only one official SDK has this call.
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, session| {
    /// use opentok::RegisterCallback;
    ///
    /// let callback = RegisterCallback::new("archive", "status", "https://example.com/hooks/opentok");
    /// let callback = client.register_callback(callback).await?;
    /// assert_eq!(callback.group.as_deref(), Some("archive"));
    /// # Ok(()) });
    /// ```
    pub fn register_callback(&self, request: RegisterCallback) -> Call<RegisterCallback> {
        self.caller.call(request)
    }

    /// Lists the registered webhooks.
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, session| {
    /// use opentok::ListCallbacks;
    ///
    /// assert!(client.list_callbacks(ListCallbacks::new()).await?.is_empty());
    /// # Ok(()) });
    /// ```
    pub fn list_callbacks(&self, request: ListCallbacks) -> Call<ListCallbacks> {
        self.caller.call(request)
    }

    /// Takes a webhook away.
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, session| {
    /// use opentok::{RegisterCallback, UnregisterCallback};
    ///
    /// let callback = RegisterCallback::new("archive", "status", "https://example.com/hooks/opentok");
    /// let callback = client.register_callback(callback).await?;
    /// client.unregister_callback(UnregisterCallback::new(callback.id)).await?;
    /// # Ok(()) });
    /// ```
    pub fn unregister_callback(&self, request: UnregisterCallback) -> Call<UnregisterCallback> {
        self.caller.call(request)
    }

    /// Creates a project in the account.
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, session| {
    /// use opentok::CreateProject;
    ///
    /// let project = client.create_project(CreateProject::new().name("lessons")).await?;
    /// assert!(project.id.is_some() && project.secret.is_some());
    /// # Ok(()) });
    /// ```
    pub fn create_project(&self, request: CreateProject) -> Call<CreateProject> {
        self.caller.call(request)
    }

    /// Lists the projects of the account.
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, session| {
    /// use opentok::ListProjects;
    ///
    /// for project in client.list_projects(ListProjects::new()).await? {
    ///     println!("{:?} {:?}", project.id, project.status);
    /// }
    /// # Ok(()) });
    /// ```
    pub fn list_projects(&self, request: ListProjects) -> Call<ListProjects> {
        self.caller.call(request)
    }

    /// Tells about a project.
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, session| {
    /// use opentok::{CreateProject, GetProject};
    ///
    /// let project = client.create_project(CreateProject::new().name("lessons")).await?;
    /// let project = client.get_project(GetProject::new(project.id.unwrap_or_default())).await?;
    /// assert_eq!(project.name.as_deref(), Some("lessons"));
    /// # Ok(()) });
    /// ```
    pub fn get_project(&self, request: GetProject) -> Call<GetProject> {
        self.caller.call(request)
    }

    /// Suspends a project, or makes it active again.
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, session| {
    /// use opentok::{CreateProject, ProjectStatus, SetProjectStatus};
    ///
    /// let project = client.create_project(CreateProject::new()).await?;
    /// let suspend = SetProjectStatus::new(project.id.unwrap_or_default(), ProjectStatus::Suspended);
    /// let project = client.set_project_status(suspend).await?;
    /// assert_eq!(project.status, Some(ProjectStatus::Suspended));
    /// # Ok(()) });
    /// ```
    pub fn set_project_status(&self, request: SetProjectStatus) -> Call<SetProjectStatus> {
        self.caller.call(request)
    }

    /// Gives a project a new API secret. The old one is void at once.
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, session| {
    /// use opentok::{CreateProject, RefreshProjectSecret};
    ///
    /// let project = client.create_project(CreateProject::new()).await?;
    /// let renewed = RefreshProjectSecret::new(project.id.unwrap_or_default());
    /// let renewed = client.refresh_project_secret(renewed).await?;
    /// assert_ne!(renewed.secret, project.secret);
    /// # Ok(()) });
    /// ```
    pub fn refresh_project_secret(&self, request: RefreshProjectSecret) -> Call<RefreshProjectSecret> {
        self.caller.call(request)
    }

    /// Deletes a project.
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # doc::run(async |client, session| {
    /// use opentok::{CreateProject, DeleteProject};
    ///
    /// let project = client.create_project(CreateProject::new()).await?;
    /// client.delete_project(DeleteProject::new(project.id.unwrap_or_default())).await?;
    /// # Ok(()) });
    /// ```
    pub fn delete_project(&self, request: DeleteProject) -> Call<DeleteProject> {
        self.caller.call(request)
    }
}
