// Shows the API's document. The search is a filter of its own, over paths and summaries: that of Swagger UI finds tags only.
"use strict";
window.addEventListener("DOMContentLoaded", () => {
  const search = () => ({
    fn: {
      opsFilter: (groups, phrase) => {
        const words = phrase.toLowerCase().split(/\s+/).filter(Boolean);
        const isFound = (operation, name) => {
          const text = [name, operation.get("method"), operation.get("path"), operation.getIn(["operation", "summary"])];
          const all = text.filter(Boolean).join(" ").toLowerCase();
          return words.every((word) => all.includes(word));
        };
        return groups
          .map((group, name) => group.set("operations", group.get("operations").filter((one) => isFound(one, name))))
          .filter((group) => group.get("operations").size > 0);
      },
    },
  });
  window.SwaggerUIBundle({
    url: "/api-docs/openapi.json",
    domNode: document.getElementById("reference"),
    deepLinking: true,
    docExpansion: "list",
    filter: true,
    tryItOutEnabled: true,
    persistAuthorization: false,
    validatorUrl: null,
    plugins: [search],
  });
});
