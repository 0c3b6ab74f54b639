export { AdminLayout } from "./AdminLayout";
export { AnnouncementsPage } from "./announcements/AnnouncementsPage";
export { AuditPage } from "./audit/AuditPage";
export { ModelsPage } from "./models/ModelsPage";
export { OverviewPage } from "./overview/OverviewPage";
export { PlansPage } from "./plans/PlansPage";
export { UserPage } from "./users/UserPage";
export { UsersPage } from "./users/UsersPage";
