export { AppearancePage } from "./AppearancePage";
export { InstructionsPage } from "./InstructionsPage";
export { KeysPage } from "./keys/KeysPage";
export { ModelsPage } from "./ModelsPage";
export { ProfilePage } from "./profile/ProfilePage";
export { SettingsLayout } from "./SettingsLayout";
export { ToolsPage } from "./tools/ToolsPage";
export { UsagePage } from "./usage/UsagePage";
