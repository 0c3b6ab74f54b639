// The sheets of the components that only the settings use; the app's others are in ~/styles.
// The chevron of NativeSelect is in it.
import "@mantine/core/styles/Combobox.css";
import "@mantine/core/styles/Switch.css";
import "@mantine/core/styles/Table.css";
