"""What the make_*.py of the state-space models share: short numbers, gradients, the file.

Inputs and parameters have three decimals, so that the JSON file holds exactly what was computed with.
Everything is float64.
"""

import json
import sys

import torch


def start(seed=1):
    torch.set_default_dtype(torch.float64)
    torch.manual_seed(seed)


def draw(*shape, scale=1.0, mean=0.0):
    return (torch.randn(shape) * scale + mean).round(decimals=3)


# So that a state lasts through some chunks: dt around 0.3, A = -exp(A_log) around -0.4.
MEANS = {"A_log": -1.0, "dt_bias": -1.0, "dt_proj.bias": -1.0, "D": 1.0, "norm.weight": 1.0}


def draw_parameters(module, scale=0.4):
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            mean = next((mean for ending, mean in MEANS.items() if ("." + name).endswith("." + ending)), 0.0)
            parameter.copy_(draw(*parameter.shape, scale=scale, mean=mean))


def as_lists(tensors):
    return {name: tensor.tolist() for name, tensor in tensors.items()}


def parameters_of(module):
    return as_lists(dict(module.named_parameters()))


def differentiate(function, inputs):
    """function(**inputs) returns y, or y and a final state; gradients are of sum(y * output_gradient)."""
    inputs = {name: value.clone().requires_grad_() for name, value in inputs.items()}
    output, *state = function(**inputs)
    output_gradient = draw(*output.shape)
    gradients = torch.autograd.grad(output, list(inputs.values()), output_gradient)
    case = {"inputs": as_lists(inputs), "output": output.tolist(),
            "output_gradient": output_gradient.tolist(),
            "gradients": as_lists(dict(zip(inputs, gradients)))}
    return case | ({"final_state": state[0].tolist()} if state else {})


def differentiate_mixer(mixer, lengths, check):
    """One sequence of each length through mixer(x [1, L, D]); check(x [L, D]) is the same computed otherwise."""
    names, parameters = zip(*mixer.named_parameters())
    sequences = []
    for length in lengths:
        x = draw(length, mixer.in_proj.in_features).requires_grad_()
        output, expected = mixer(x[None])[0], check(x)
        output_gradient = draw(*output.shape)
        gradients, expected_gradients = (
            torch.autograd.grad(y, (x, *parameters), output_gradient) for y in (output, expected))
        torch.testing.assert_close((output, *gradients), (expected, *expected_gradients), rtol=1e-12, atol=1e-12)
        sequences.append({"input": x.tolist(), "output": output.tolist(),
                          "output_gradient": output_gradient.tolist(),
                          "input_gradient": gradients[0].tolist(),
                          "gradients": as_lists(dict(zip(names, gradients[1:])))})
    return {"parameters": parameters_of(mixer), "sequences": sequences}


def write(golden):
    """To the path on the command line."""
    with open(sys.argv[1], "w") as file:
        json.dump(golden, file)
        file.write("\n")
