/** Entry point. Every page works without it; what it adds is listed below. */
import { watchChoices } from "./choices";
import { watchProgress } from "./progress";
import { watchSubmits } from "./submit";
import { watchTheme } from "./theme";

watchTheme();
watchChoices();
watchProgress();
watchSubmits();
