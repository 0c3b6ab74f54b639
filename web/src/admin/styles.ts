// The sheets of the components that only the administration uses, beside those of the settings.
import "~/settings/styles";
import "@mantine/core/styles/Checkbox.css";
