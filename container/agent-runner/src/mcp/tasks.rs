//! The tools about what is to be done at set times.

use rmcp::handler::server::wrapper::Parameters;
use rmcp::service::RequestContext;
use rmcp::{RoleServer, tool, tool_router};
use serde::Deserialize;

use super::tools::{Tools, unless_gone};
use crate::host_client::TaskLine;

#[derive(Debug, Deserialize, schemars::JsonSchema)]
struct ScheduleTask {
    /// When: plain words such as `in 20 minutes`, `tomorrow at 8`, `on 24 december at 9:00`, `every 2
    /// hours`, `every weekday at 9`, `every monday and thursday at 7pm`, `every 2 weeks on friday at
    /// 10`, `on the last day of every month at 18:00`; a time like `2026-12-24T09:00`; or a cron
    /// expression with five fields such as `0 9 * * 1-5`. English only: put what people say in another
    /// language into these words.
    when: String,
    /// What you are to do then. You will read it without this conversation's last words at hand, so
    /// say everything that is needed: what to look at, what to write, in which language.
    prompt: String,
    /// In whose time `when` is meant, as a name like `Europe/Berlin`. Leave it out for the zone of the
    /// person whom you are answering.
    #[serde(default)]
    timezone: Option<String>,
    /// What to do about times that pass while the machine is off: `latest` (once, late; this is what
    /// happens if it is left out), `all 5` (the last five), `skip 10m` (not at all when it is more
    /// than ten minutes late).
    #[serde(default)]
    missed: Option<String>,
    /// A bash script that runs first, in your container, without you: at most 30 seconds. Its last
    /// line of output has to be JSON, {"wakeAgent": true or false, "data": anything}. With false
    /// nothing happens and nothing is spent; with true you get the data. Use it where most times
    /// there is nothing to do, such as watching a page.
    #[serde(default)]
    script: Option<String>,
    /// The name of another chat that is to get the answer, as list_destinations gives it. Leave it
    /// out for this chat.
    #[serde(default)]
    destination: Option<String>,
}

#[derive(Debug, Deserialize, schemars::JsonSchema)]
struct UpdateTask {
    /// The task: its number such as `t3`, or words of its text and times that fit no other task.
    task: String,
    /// The new time, as for schedule_task. A time of day alone, such as `9:30`, keeps the days.
    #[serde(default)]
    when: Option<String>,
    /// What you are to do from now on.
    #[serde(default)]
    prompt: Option<String>,
    /// In whose time it is meant.
    #[serde(default)]
    timezone: Option<String>,
    /// As for schedule_task.
    #[serde(default)]
    missed: Option<String>,
    /// As for schedule_task; an empty text takes the script away.
    #[serde(default)]
    script: Option<String>,
}

#[derive(Debug, Deserialize, schemars::JsonSchema)]
struct OneTask {
    /// The task: its number such as `t3`, or words of its text and times that fit no other task.
    task: String,
}

#[derive(Debug, Deserialize, schemars::JsonSchema)]
struct ListTasks {
    /// Also those that are done or cancelled.
    #[serde(default)]
    all: bool,
}

#[derive(Debug, Deserialize, schemars::JsonSchema)]
struct TaskHistory {
    /// The task: its number such as `t3`, or words of its text and times that fit no other task.
    task: String,
    /// How many of the last times, 10 if left out.
    #[serde(default)]
    limit: Option<u32>,
}

#[tool_router(router = task_router, vis = "pub(super)")]
impl Tools {
    #[tool(
        description = "Do something later, once or again and again: reminders, briefings, checks. \
                       It outlives this conversation and restarts of the machine; nothing else \
                       that you can start does. At the time you are given the prompt and your \
                       answer goes to the chat. Returns the task's number, the rule in words and \
                       the next times in local time: tell these to the person, so that a \
                       misunderstanding shows."
    )]
    async fn schedule_task(
        &self,
        Parameters(task): Parameters<ScheduleTask>,
        context: RequestContext<RoleServer>,
    ) -> Result<String, String> {
        let line = TaskLine::new("add")
            .say(&task.when)
            .say(&task.prompt)
            .option("zone", task.timezone.as_deref())
            .option("missed", task.missed.as_deref())
            .option("script", task.script.as_deref())
            .option("chat", task.destination.as_deref());
        self.tasks(&line, &context).await
    }

    #[tool(
        description = "List what is scheduled, as far as the person whom you are answering may see \
                       it: numbers, rules in words, the next times, the last results. Look here \
                       before you change a task, and before you say what is scheduled."
    )]
    async fn list_tasks(
        &self,
        Parameters(ListTasks { all }): Parameters<ListTasks>,
        context: RequestContext<RoleServer>,
    ) -> Result<String, String> {
        self.tasks(&TaskLine::new("list").flag("all", all), &context).await
    }

    #[tool(
        description = "Change when a task comes or what you are to do then. What is left out stays \
                       as it is. Returns what is stored afterwards, with the next times."
    )]
    async fn update_task(
        &self,
        Parameters(update): Parameters<UpdateTask>,
        context: RequestContext<RoleServer>,
    ) -> Result<String, String> {
        let line = TaskLine::new("edit")
            .say(&update.task)
            .option("when", update.when.as_deref())
            .option("prompt", update.prompt.as_deref())
            .option("zone", update.timezone.as_deref())
            .option("missed", update.missed.as_deref())
            .option("script", update.script.as_deref());
        self.tasks(&line, &context).await
    }

    #[tool(
        description = "Pause a task until resume_task. Runs due while it is paused are skipped."
    )]
    async fn pause_task(
        &self,
        Parameters(OneTask { task }): Parameters<OneTask>,
        context: RequestContext<RoleServer>,
    ) -> Result<String, String> {
        self.tasks(&TaskLine::new("pause").say(&task), &context).await
    }

    #[tool(
        description = "Let a task go on that was paused, or that stopped because it kept failing."
    )]
    async fn resume_task(
        &self,
        Parameters(OneTask { task }): Parameters<OneTask>,
        context: RequestContext<RoleServer>,
    ) -> Result<String, String> {
        self.tasks(&TaskLine::new("resume").say(&task), &context).await
    }

    #[tool(
        description = "End a task for good. Use pause_task for \"not now\". A task that has done \
                       its purpose may cancel itself."
    )]
    async fn cancel_task(
        &self,
        Parameters(OneTask { task }): Parameters<OneTask>,
        context: RequestContext<RoleServer>,
    ) -> Result<String, String> {
        self.tasks(&TaskLine::new("cancel").say(&task), &context).await
    }

    #[tool(
        description = "Run a task once, now, besides its times: when somebody wants to see what it \
                       does. It is queued and runs after what you are doing."
    )]
    async fn run_task_now(
        &self,
        Parameters(OneTask { task }): Parameters<OneTask>,
        context: RequestContext<RoleServer>,
    ) -> Result<String, String> {
        self.tasks(&TaskLine::new("run").say(&task), &context).await
    }

    #[tool(description = "Show when a task came, how late, what came of it, and which times were \
                       skipped: to answer why something did not happen.")]
    async fn task_history(
        &self,
        Parameters(TaskHistory { task, limit }): Parameters<TaskHistory>,
        context: RequestContext<RoleServer>,
    ) -> Result<String, String> {
        let limit = limit.map(|it| it.to_string());
        let line = TaskLine::new("history").say(&task).option("limit", limit.as_deref());
        self.tasks(&line, &context).await
    }
}

impl Tools {
    async fn tasks(
        &self,
        line: &TaskLine,
        context: &RequestContext<RoleServer>,
    ) -> Result<String, String> {
        unless_gone(context, self.host_client.tasks(line)).await
    }
}
